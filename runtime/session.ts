import type * as ort from "onnxruntime-node";
import { errorMessage, RagError } from "../core/index.ts";
import { onnxRuntime } from "./onnx-runtime.ts";
import { type Provider, providerFailure, requireProvider } from "./providers.ts";

/** What goes in and comes out of a session: elements and their shape, row-major. float16 is carried as its bits. */
export type Tensor =
  | { readonly type: "float32"; readonly data: Float32Array; readonly shape: readonly number[] }
  | { readonly type: "float16"; readonly data: Uint16Array; readonly shape: readonly number[] }
  | { readonly type: "int64"; readonly data: BigInt64Array; readonly shape: readonly number[] };

export interface SessionOptions {
  /** Threads inside one operator; the machine's cores by default. */
  readonly threads?: number;
  /** Where ONNX Runtime looks for hardware; the CPU by default. */
  readonly provider?: Provider;
  /** "all" rewrites the graph for speed; "none" takes it as it is, for one that was saved optimised. */
  readonly optimize?: "all" | "none";
  /** Keeps a copy of every weight in the order that products read it in: faster, for the weights' size in memory once more. True unless set. */
  readonly packWeights?: boolean;
  /** Saves the rewritten graph there. */
  readonly saveOptimizedTo?: string;
}

/** A compiled graph. Runs block the calling thread, so sessions live in worker threads or short programs. */
export class Session {
  readonly #session: ort.InferenceSession;
  #bound: Readonly<Record<string, Tensor>> = {};

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  /**
   * Compiles a graph from its bytes, or from a file when it has weights beside it.
   * @throws RagError config/invalid when the provider is not there or does not start; engine/failed without ONNX Runtime, or with ONNX Runtime's own words
   */
  static async create(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
    const { provider = "cpu" } = options;
    // Failures are thrown; ONNX Runtime would print them as well, with paths of this machine.
    const { env, InferenceSession } = onnxRuntime();
    env.logLevel = "fatal";
    const settings: ort.InferenceSession.SessionOptions = {
      executionProviders: [requireProvider(provider)],
      graphOptimizationLevel: options.optimize === "none" ? "disabled" : "all",
      logSeverityLevel: 4,
      ...(options.packWeights === false ? { extra: { session: { disable_prepacking: "1" } } } : {}),
      // DirectML plans memory itself.
      ...(provider === "directml" ? { enableMemPattern: false } : {}),
      ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
      ...(options.saveOptimizedTo ? { optimizedModelFilePath: options.saveOptimizedTo } : {}),
    };
    try {
      const session =
        typeof model === "string"
          ? await InferenceSession.create(model, settings)
          : await InferenceSession.create(model, settings);
      return new Session(session);
    } catch (cause) {
      if (provider !== "cpu") throw providerFailure(provider, cause);
      throw new RagError(
        "engine/failed",
        `graph: ONNX Runtime refused it: ${errorMessage(cause)}`,
        {
          cause,
        },
      );
    }
  }

  /** Feeds these inputs to every run from now on. */
  bind(feeds: Readonly<Record<string, Tensor>>): void {
    this.#bound = feeds;
  }

  /**
   * Runs the graph. `feeds` needs every input that is not bound; `fetches` limits the outputs that are computed and copied.
   * @throws RagError engine/failed
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: readonly string[],
  ): Promise<Record<string, Tensor>> {
    const { Tensor } = onnxRuntime();
    const inputs = Object.fromEntries(
      Object.entries({ ...this.#bound, ...feeds }).map(([name, { type, data, shape }]) => [
        name,
        new Tensor(type, data, shape),
      ]),
    );
    try {
      const outputs = await (fetches
        ? this.#session.run(inputs, fetches)
        : this.#session.run(inputs));
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)]),
      );
    } catch (cause) {
      throw new RagError("engine/failed", `graph run: ${errorMessage(cause)}`, { cause });
    }
  }

  /** Frees the native memory. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function fromOrt(tensor: ort.Tensor): Tensor {
  return { type: tensor.type, data: tensor.data, shape: tensor.dims } as Tensor;
}

/** ONNX Runtime's version: a graph it has optimised is for itself alone. */
export function runtimeVersion(): string {
  const { versions } = onnxRuntime().env;
  return versions.node ?? versions.common;
}

/** f32 data with its shape. */
export const floats = (data: Float32Array, shape: readonly number[]): Tensor => ({
  type: "float32",
  data,
  shape,
});

/** Integers as an int64 tensor; one-dimensional unless a shape is given. */
export const integers = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Tensor => ({ type: "int64", data: BigInt64Array.from(values, BigInt), shape });
