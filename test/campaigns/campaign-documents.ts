import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashEmbedder } from "../retriever/hash-embedder.ts";

/** Which version of each document there is, by id as the store has it (`docs/f0.jsonl#3`). */
export type Versions = Readonly<Record<string, number>>;

/** The first is the store's at the beginning. */
export const EMBEDDERS = [hashEmbedder(16), hashEmbedder(24)] as const;
/** Files with documents that change. */
export const FILES = 4;
/** Enough for the store to use its graph, and never changed. */
const BASE_DOCUMENTS = 2050;
const WORDS = 620;

/** A text long enough for several passages, with a word that no other document or version has. */
export function textOf(id: string, version: number): string {
  const own = uniqueWord(id, version);
  return Array.from({ length: WORDS }, (_, i) => (i % 20 === 0 ? own : `w${(i * 7) % 50}`)).join(
    " ",
  );
}

export const uniqueWord = (id: string, version: number): string =>
  `v${version}q${id.replace(/\D+/g, "x")}z`;

export async function writeBase(folder: string): Promise<void> {
  const lines = Array.from({ length: BASE_DOCUMENTS }, (_, id) =>
    JSON.stringify({ id, text: `base number ${id} row ${id % 50}` }),
  );
  await writeFile(join(folder, "base.jsonl"), lines.join("\n"));
}

/** The documents that the files hold now. */
export async function readVersions(docs: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name of await readdir(docs)) {
    if (!/^f\d+\.jsonl$/.test(name)) continue;
    for (const line of (await readFile(join(docs, name), "utf8")).split("\n")) {
      const { id, text } = JSON.parse(line);
      found[`docs/${name}#${id}`] = Number(/^v(\d+)q/.exec(text)![1]);
    }
  }
  return found;
}

/** Writes the files as an editor does: a killed process leaves the old or the new one. */
export async function writeVersions(docs: string, versions: Versions): Promise<void> {
  for (let file = 0; file < FILES; file++) {
    const name = `f${file}.jsonl`;
    const lines = Object.entries(versions)
      .filter(([id]) => id.startsWith(`docs/${name}#`))
      .map(([id, version]) => JSON.stringify({ id: id.split("#")[1], text: textOf(id, version) }));
    if (lines.length === 0) await rm(join(docs, name), { force: true });
    else {
      const temporary = join(docs, `.${randomBytes(4).toString("hex")}`);
      await writeFile(temporary, lines.join("\n"));
      await rename(temporary, join(docs, name));
    }
  }
}
