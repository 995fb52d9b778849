import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

/**
 * Embeds texts with @huggingface/transformers. `node transformers-js.mjs FOLDER MODEL THREADS`: FOLDER is where it is installed, MODEL a folder
 * with config.json, tokenizer.json, tokenizer_config.json and onnx/model.onnx. The first line out is `{ready}`; a line `["text", …]` on
 * standard input is answered by `{seconds, vectors}`; with one thread, seconds are processor time, else the clock's. Texts come in batches
 * of 32 sorted by length, as sentence-transformers makes them.
 */
const [folder, model, threads] = process.argv.slice(2);
const BATCH = 32;
const require = createRequire(join(folder, "package.json"));
const entry = require.resolve("@huggingface/transformers");
const { env, pipeline } = await import(pathToFileURL(entry).href);
const { version } = JSON.parse(
  await readFile(join(entry, "..", "..", "package.json"), "utf8"),
);
env.allowRemoteModels = false;
env.localModelPath = join(model, "..");
await mkdir(join(model, "onnx"), { recursive: true });
const config = JSON.parse(await readFile(join(model, "tokenizer_config.json"), "utf8"));
await writeFile(
  join(model, "tokenizer_config.json"),
  JSON.stringify({ ...config, model_max_length: 256 }),
);
const extract = await pipeline("feature-extraction", model.split(/[\\/]/).at(-1), {
  dtype: "fp32",
  session_options: { intraOpNumThreads: Number(threads) },
});
process.stdout.write(`${JSON.stringify({ ready: { "@huggingface/transformers": version } })}\n`);

function now() {
  const { user, system } = process.cpuUsage();
  return threads === "1" ? (user + system) / 1e6 : performance.now() / 1e3;
}

async function embed(texts) {
  const order = texts.map((_, index) => index).sort((a, b) => texts[a].length - texts[b].length);
  const vectors = new Array(texts.length);
  for (let first = 0; first < order.length; first += BATCH) {
    const some = order.slice(first, first + BATCH);
    const output = await extract(
      some.map((index) => texts[index]),
      { pooling: "mean", normalize: true },
    );
    for (const [row, vector] of output.tolist().entries()) vectors[some[row]] = vector;
  }
  return vectors;
}

for await (const line of createInterface({ input: process.stdin })) {
  const texts = JSON.parse(line);
  const began = now();
  const vectors = await embed(texts);
  process.stdout.write(`${JSON.stringify({ seconds: now() - began, vectors })}\n`);
}
