import { readFile } from "node:fs/promises";
import { join } from "node:path";

const FILES = ["adapter_model.safetensors", "deep_tokens.safetensors"];

/** The bytes of a saved prompt's tensor file. */
export async function promptBytes(folder: string): Promise<Buffer> {
  for (const file of FILES) {
    const bytes = await readFile(join(folder, file)).catch(() => undefined);
    if (bytes) return bytes;
  }
  throw new Error(`${folder}: holds none of ${FILES.join(", ")}`);
}
