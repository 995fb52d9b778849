import { RagError } from "../core/index.ts";
import { readTorchTensor } from "../ptuning/index.ts";

/** Rows that stand in a prompt where tokens would: f32 [count, H]. */
export interface PromptEmbeddings {
  readonly count: number;
  readonly width: number;
  readonly rows: Float32Array;
  /** The request's field they came from. */
  readonly param: string;
}

/** More numbers than any context of a small model has: 8192 tokens of width 1024. */
const MAX_NUMBERS = 2 ** 23;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Rows of embeddings as vLLM's clients send them: base64 of a tensor [tokens, H] saved by PyTorch. The file is read by a parser
 * that knows tensors only; nothing in it is ever run.
 * @throws RagError request/invalid with `param`
 */
export function readPromptEmbeddings(data: string, param: string): PromptEmbeddings {
  if (!BASE64.test(data)) throw invalid(param, "expected base64, found other characters.");
  const { shape, data: rows } = readTensor(Buffer.from(data, "base64"), param);
  const [count, width] = shape;
  if (shape.length !== 2 || !count || !width) {
    throw invalid(param, `expected a tensor [tokens, width], found [${shape.join(", ")}].`);
  }
  if (!rows.every(Number.isFinite)) throw invalid(param, "expected finite numbers only.");
  return { count, width, rows, param };
}

function readTensor(bytes: Buffer, param: string) {
  try {
    return readTorchTensor(bytes, { source: param, maxElements: MAX_NUMBERS });
  } catch (cause) {
    if (!(cause instanceof RagError)) throw cause;
    throw new RagError("request/invalid", cause.message, { cause, param });
  }
}

/**
 * Refuses rows of another model.
 * @throws RagError request/invalid naming both widths
 */
export function requireWidth(embeddings: PromptEmbeddings, width: number): void {
  if (embeddings.width === width) return;
  throw invalid(
    embeddings.param,
    `expected rows of ${width} numbers, which is this model's width, found ${embeddings.width}; they were made for another model.`,
  );
}

const invalid = (param: string, problem: string): RagError =>
  new RagError("request/invalid", `${param}: ${problem}`, { param });
