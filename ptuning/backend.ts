import { errorMessage, RagError, systemCode } from "../core/index.ts";

/** The TensorFlow.js module; its types are the same for every backend. */
export type TensorFlow = typeof import("@tensorflow/tfjs");

/** What computes: the GPU or CPU bindings of TensorFlow, or the two portable backends. */
export type BackendName = "tfjs-node-gpu" | "tfjs-node" | "wasm" | "cpu";

export interface LoadedTensorFlow {
  readonly tf: TensorFlow;
  readonly backend: BackendName;
  /** Better backends that are installed but did not start, with the reason (for `foreword doctor`). */
  readonly refused: readonly { readonly backend: BackendName; readonly reason: string }[];
}

const ORDER: readonly BackendName[] = ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"];
let loading: Promise<LoadedTensorFlow> | undefined;

/**
 * Loads TensorFlow.js once per process, on first use (it takes a fifth of a second), with the fastest backend
 * there is: tfjs-node-gpu, tfjs-node, WebAssembly, plain JavaScript.
 * @throws RagError engine/failed when not even the plain backend starts
 */
export function loadTensorFlow(): Promise<LoadedTensorFlow> {
  loading ??= loadFirst();
  return loading;
}

async function loadFirst(): Promise<LoadedTensorFlow> {
  const refused: { backend: BackendName; reason: string }[] = [];
  for (const backend of ORDER) {
    try {
      const tf = await start(backend);
      return { tf, backend, refused };
    } catch (cause) {
      if (systemCode(cause) === "ERR_MODULE_NOT_FOUND") continue; // optional, not installed
      refused.push({ backend, reason: errorMessage(cause) });
    }
  }
  const reasons = refused.map(({ backend, reason }) => `${backend}: ${reason}`).join("; ");
  throw new RagError(
    "engine/failed",
    `TensorFlow.js: no backend starts (${reasons || "not installed"}); run \`npm ci\` again.`,
  );
}

async function start(backend: BackendName): Promise<TensorFlow> {
  if (backend === "tfjs-node-gpu" || backend === "tfjs-node") {
    const tf = await importBinding(`@tensorflow/${backend}`);
    await tf.ready();
    return tf;
  }
  const tf = await import("@tensorflow/tfjs");
  tf.enableProdMode(); // without it a banner is printed on first use
  if (backend === "wasm") await import("@tensorflow/tfjs-backend-wasm");
  if (!(await tf.setBackend(backend))) throw new Error("the backend did not initialise");
  await tf.ready();
  return tf;
}

/** The native bindings are optional packages, so the compiler may not see them; what they export is checked instead. */
async function importBinding(packageName: string): Promise<TensorFlow> {
  const loaded: unknown = await import(packageName);
  if (!isTensorFlow(loaded)) throw new Error(`${packageName} exports no TensorFlow.js`);
  return loaded;
}

function isTensorFlow(loaded: unknown): loaded is TensorFlow {
  const needed = ["ready", "grads", "tidy", "variable", "matMul"];
  return (
    typeof loaded === "object" &&
    loaded !== null &&
    needed.every((name) => typeof Reflect.get(loaded, name) === "function")
  );
}
