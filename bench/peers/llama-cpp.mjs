import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

/**
 * Runs a GGUF file in node-llama-cpp. `node llama-cpp.mjs FOLDER GGUF THREADS`, FOLDER being where it is installed. A line
 * `{prompt, tokens}` on standard input is answered by `{prompt, decode, rss}`: the prompt's token ids are read, then so many are decoded
 * greedily; seconds for the prompt and for each token. The first line out is `{start}`: seconds from nothing to the first token of a
 * prompt of one. With one thread, seconds are processor time, else the clock's.
 */
const [folder, gguf, threads] = process.argv.slice(2);
const resolve = createRequire(join(folder, "package.json")).resolve;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Seconds, to be subtracted from each other. */
function now() {
  const { user, system } = process.cpuUsage();
  return threads === "1" ? (user + system) / 1e6 : performance.now() / 1e3;
}

const started = now();
const { getLlama } = await import(pathToFileURL(resolve("node-llama-cpp")).href);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: gguf });
const context = await model.createContext({
  contextSize: 2048,
  batchSize: 1024,
  threads: Number(threads),
});
const sequence = context.getSequence();

async function run(prompt, tokens) {
  await sequence.clearHistory();
  const began = now();
  let first = 0;
  let count = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (count++ === 0) first = now();
    if (count >= tokens) break;
  }
  const decode = (now() - first) / Math.max(1, count - 1);
  return { prompt: first - began, decode, rss: process.memoryUsage().rss };
}

await run([1], 1);
say({ start: now() - started });
for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, tokens } = JSON.parse(line);
  say(await run(prompt, tokens));
}
