import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { sha256 } from "../../core/index.ts";
import type {
  CatalogueFile,
  CatalogueModel,
  ModelSource,
  PipCommand,
} from "../../runtime/index.ts";

export const weights = strToU8("weights ".repeat(40_000));
export const tokenizer = strToU8('{"a":1}');

function file(path: string, data: Uint8Array): CatalogueFile {
  const wheelPath = `toy/model/${path}`;
  return { path, bytes: data.length, sha256: sha256(data), hubPath: `hub/${path}`, wheelPath };
}

/** A model of two small files. */
export const toyModel: CatalogueModel = {
  name: "toy",
  kind: "generator",
  license: "Apache-2.0",
  hub: { repository: "someone/toy", revision: "main" },
  wheel: { requirement: "toy==1.0", bytes: 1000 },
  weights: file("toy.gguf", weights),
  others: [file("tokenizer.json", tokenizer)],
};
export const catalogue = [toyModel];

/** A source that writes these files and counts how often it was asked. */
export function memorySource(
  contents: Readonly<Record<string, Uint8Array>> = {
    "toy.gguf": weights,
    "tokenizer.json": tokenizer,
  },
): ModelSource & { asked: number } {
  return {
    asked: 0,
    describe: () => "memory",
    async fetch({ missing, folder }) {
      this.asked++;
      for (const { path } of missing) {
        const data = contents[path];
        if (data === undefined) throw new Error(`has no ${path}`);
        writeFileSync(join(folder, path), data);
      }
    },
  };
}

/** A wheel with the toy model in it, beside things nobody asked for. */
export function toyWheel(entries: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  return zipSync({
    "toy/__init__.py": strToU8("raise SystemExit"),
    "toy/model/tokenizer.json": [tokenizer, { level: 0 }],
    "toy/model/toy.gguf": weights,
    "../outside.txt": strToU8("escaped"),
    ...entries,
  });
}

/** A stand-in for pip: a script that runs as it would. `body` sees `args` (an array) and `dest` (the folder). */
export function fakePip(folder: string, body: string): PipCommand {
  const script = join(folder, "pip.cjs");
  writeFileSync(
    script,
    `const fs = require("node:fs"), path = require("node:path");
const args = process.argv.slice(2);
if (args[0] === "--version") { console.log("pip 25.0 from here (python 3.12)"); process.exit(0); }
const dest = args[args.indexOf("--dest") + 1];
${body}`,
  );
  chmodSync(script, 0o600);
  return [process.execPath, script];
}
