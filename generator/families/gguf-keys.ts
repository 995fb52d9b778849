import { basename } from "node:path";
import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import { LIMITS } from "../config.ts";

/** The `<architecture>.*` keys of a GGUF file, checked as they are read. @see ggml docs/gguf.md */
export class GgufKeys {
  readonly file: WeightFile;
  readonly architecture: string;
  /** The file's name, for messages. */
  readonly source: string;

  constructor(file: WeightFile) {
    this.file = file;
    this.source = basename(file.path);
    this.architecture = String(file.metadata["general.architecture"]);
  }

  has(key: string): boolean {
    return this.file.metadata[`${this.architecture}.${key}`] !== undefined;
  }

  /** A number above 0, a size unless `most` says otherwise. @throws RagError model/invalid when it is missing or none */
  number(key: string, fallback?: number, most: number = LIMITS.context): number {
    const name = `${this.architecture}.${key}`;
    return parseWith(
      z.number().positive().max(most),
      this.file.metadata[name] ?? fallback,
      `${this.source}: ${name}`,
      "model/invalid",
    );
  }

  /** Refuses a key with any other value than those allowed. @throws RagError model/unsupported */
  requireOneOf(key: string, allowed: readonly unknown[]): void {
    const name = `${this.architecture}.${key}`;
    const value = this.file.metadata[name];
    if (value === undefined || allowed.includes(value)) return;
    throw new RagError(
      "model/unsupported",
      `${this.source}: ${name}: ${JSON.stringify(value)} is not supported, only ${allowed.map(String).join(" or ")} is.`,
    );
  }

  /** V, which is in no key of its own: the rows of the embedding table. @throws RagError model/invalid */
  vocabulary(): number {
    const embedding = this.file.tensors.get("token_embd.weight");
    if (embedding) return embedding.shape[0] ?? 0;
    throw new RagError(
      "model/invalid",
      `${this.source}: tensor token_embd.weight: expected it to be in the file, found no tensor of that name; get the file again.`,
    );
  }
}
