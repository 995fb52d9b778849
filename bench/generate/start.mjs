/**
 * How long Foreword as it is installed (built, not translated while it loads) takes from nothing to the first token of a prompt of one.
 * `node start.mjs THREADS CONTEXT` prints seconds: with one thread processor time, else the clock's, as llama-cpp.mjs counts.
 */
import { homedir } from "node:os";

const [threads, contextLength] = process.argv.slice(2).map(Number);

function now() {
  const { user, system } = process.cpuUsage();
  return threads === 1 ? (user + system) / 1e6 : performance.now() / 1e3;
}

const started = now();
const { Generator, GREEDY } = await import("../../dist/generator/index.js");
const { defaultCacheFolder, resolveModel } = await import("../../dist/runtime/index.js");
const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
const resolved = await resolveModel("smollm2-135m-instruct", { cacheFolder });
const generator = await Generator.open(resolved, { cacheFolder, threads, contextLength });
const request = { prefixIds: [], ids: [1], maxTokens: 1, stopIds: [], sampling: GREEDY };
for await (const _ of generator.generate(request));
process.stdout.write(`${now() - started}\n`);
await generator.close();
