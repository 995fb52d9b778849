import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, RagError } from "../../core/index.ts";

/** A tokenizer of 250,000 words takes about 17 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * A JSON file of a model's folder; `model` names it in messages.
 * @throws RagError model/invalid when it is missing, too large or no JSON
 */
export function readModelJson(folder: string, name: string, model: string): unknown {
  const path = join(folder, name);
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, at most ${MAX_BYTES} are read`);
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new RagError(
      "model/invalid",
      `${model}: ${name}: expected a readable JSON file (${errorMessage(cause).split(folder).join(".")}); check that the model's folder is complete.`,
      { cause },
    );
  }
}

/** The same for a file that need not be there. */
export function readOptionalModelJson(folder: string, name: string, model: string): unknown {
  return existsSync(join(folder, name)) ? readModelJson(folder, name, model) : undefined;
}
