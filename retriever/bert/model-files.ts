import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseJson, RagError, systemReason } from "../../core/index.ts";

/** A tokenizer of 250,000 words takes about 17 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * A JSON file of a model's folder; `model` names it in messages.
 * @throws RagError model/invalid when it is missing, too large or no JSON
 */
export function readModelJson(folder: string, name: string, model: string): unknown {
  const path = join(folder, name);
  const failure = (problem: string, cause?: unknown) =>
    new RagError(
      "model/invalid",
      `${model}: ${name}: expected a readable JSON file (${problem}); check that the model's folder is complete.`,
      { cause },
    );
  return parseJson(readText(path, failure), failure);
}

function readText(path: string, failure: (problem: string, cause?: unknown) => Error): string {
  let size: number;
  try {
    size = statSync(path).size;
    if (size <= MAX_BYTES) return readFileSync(path, "utf8");
  } catch (cause) {
    throw failure(systemReason(cause), cause);
  }
  throw failure(`it has ${size} bytes, at most ${MAX_BYTES} are read`);
}

/** The same for a file that need not be there. */
export function readOptionalModelJson(folder: string, name: string, model: string): unknown {
  return existsSync(join(folder, name)) ? readModelJson(folder, name, model) : undefined;
}
