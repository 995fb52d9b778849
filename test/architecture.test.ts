import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { test } from "node:test";

/** Folders in import order: a file may import from its own folder and from those before it. */
const LAYERS = [
  "core",
  "graph",
  "runtime",
  "generator",
  "retriever",
  "ptuning",
  "ingest",
  "pipeline",
];
/** Neighbours that must not know each other although their order would allow it. */
const STRANGERS = [["retriever", "generator"]];
/** Outside packages with one importing place. */
const SINGLE_IMPORTERS: Readonly<Record<string, string>> = {
  "onnxruntime-node": "runtime/",
  "onnx-proto": "graph/",
  "hnswlib-node": "retriever/",
  "better-sqlite3": "retriever/",
  "better-sqlite3-napi": "retriever/",
  "@tensorflow/tfjs": "ptuning/",
  "@tensorflow/tfjs-backend-wasm": "ptuning/",
  "@tensorflow/tfjs-node": "ptuning/",
  "@tensorflow/tfjs-node-gpu": "ptuning/",
  express: "pipeline/",
  helmet: "pipeline/",
  "prom-client": "pipeline/",
  "js-tiktoken/lite": "pipeline/",
  "@modelcontextprotocol/sdk/server/mcp.js": "pipeline/",
  commander: "pipeline/",
  "@huggingface/hub": "runtime/",
  "@huggingface/gguf": "runtime/",
  "@huggingface/tokenizers": "runtime/",
  unpdf: "ingest/",
  mammoth: "ingest/",
  linkedom: "ingest/",
  saxes: "ingest/",
  "postal-mime": "ingest/",
  "csv-parse/sync": "ingest/",
  chardet: "ingest/",
  chokidar: "ingest/",
  "proper-lockfile": "core/",
  pino: "core/",
};
const root = join(import.meta.dirname, "..");

interface Import {
  readonly from: string;
  readonly target: string;
}

const files = LAYERS.flatMap((layer) =>
  readdirSync(join(root, layer), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${layer}/${name.split(sep).join("/")}`),
);
const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(root, from), "utf8");
  const found = text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return [...found].map((match) => ({ from, target: match[1]! }));
});
const layerOf = (path: string) => path.split("/")[0]!;
const resolved = ({ from, target }: Import) =>
  relative(root, join(root, dirname(from), target))
    .split(sep)
    .join("/");

test("imports go down the list of folders only", () => {
  const wrong = imports
    .filter(({ target }) => target.startsWith("."))
    .filter((one) => {
      const to = layerOf(resolved(one));
      return LAYERS.indexOf(to) > LAYERS.indexOf(layerOf(one.from)) || !LAYERS.includes(to);
    });
  assert.ok(imports.length > 0);
  assert.deepEqual(wrong, []);
});

test("a folder is entered by its index only", () => {
  const wrong = imports
    .filter(({ target }) => target.startsWith("."))
    .filter((one) => layerOf(resolved(one)) !== layerOf(one.from))
    .filter((one) => !/^[a-z]+\/index\.ts$/.test(resolved(one)));
  assert.deepEqual(wrong, []);
});

test("what training methods share lies beside them, not in one of them", () => {
  const methodOf = (path: string) =>
    /^ptuning\/methods\/([^/]+)\/(?:config|model)\.ts$/.exec(path)?.[1];
  const wrong = imports.filter((one) => {
    const [own, other] = [methodOf(one.from), methodOf(resolved(one))];
    // Prompt tuning is P-Tuning without an encoder.
    const isKind = own === "prompt-tuning" && other === "p-tuning";
    return own !== undefined && other !== undefined && own !== other && !isKind;
  });
  assert.deepEqual(wrong, []);
});

test("files of other programs are read and written without the trainer", () => {
  const wrong = imports.filter(
    (one) =>
      one.from.startsWith("ptuning/formats/") && resolved(one).startsWith("ptuning/training/"),
  );
  assert.deepEqual(wrong, []);
});

test("generator and retriever know nothing of each other", () => {
  const wrong = imports.filter((one) =>
    STRANGERS.some(([a, b]) => {
      const pair = [layerOf(one.from), one.target.startsWith(".") ? layerOf(resolved(one)) : ""];
      return pair.includes(a!) && pair.includes(b!);
    }),
  );
  assert.deepEqual(wrong, []);
});

test("each outside dependency has one importing folder", () => {
  const wrong = imports.filter(({ from, target }) => {
    const owner = SINGLE_IMPORTERS[target];
    return owner !== undefined && !from.startsWith(owner);
  });
  assert.deepEqual(wrong, []);
});

test("no folder or file is a catch-all", () => {
  const wrong = files.filter((path) =>
    /(^|\/)(utils?|types|helpers?|common|misc)(\/|\.ts$)/.test(path),
  );
  assert.deepEqual(wrong, []);
});
