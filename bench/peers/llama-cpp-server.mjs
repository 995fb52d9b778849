import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import express from "express";

/**
 * node-llama-cpp behind express, answering as `foreword serve` does, as far as the bench asks. `node llama-cpp-server.mjs FOLDER GGUF
 * THREADS STREAMS`, FOLDER being where it is installed. Its first line on standard output is `{url}`. Greedy; a context per stream within one
 * batch; a request gets the free one that has read most of its prompt already, as llama.cpp's own server does it.
 */
const [folder, gguf, threads, streams] = process.argv.slice(2);
const SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
const CONTEXT_TOKENS = 2048;

const resolve = createRequire(join(folder, "package.json")).resolve;
const { getLlama } = await import(pathToFileURL(resolve("node-llama-cpp")).href);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: gguf });
const context = await model.createContext({
  sequences: Number(streams),
  contextSize: CONTEXT_TOKENS,
  batchSize: 1024,
  threads: Number(threads),
});
const free = Array.from({ length: Number(streams) }, () => context.getSequence());

/** How many tokens of a prompt a sequence has read already; the last is always read anew. */
function knownTokens({ contextTokens }, tokens) {
  const differing = tokens.findIndex((token, index) => contextTokens[index] !== token);
  return Math.min(differing === -1 ? tokens.length : differing, tokens.length - 1);
}

async function takeSequence(tokens) {
  const known = (sequence) => knownTokens(sequence, tokens);
  const closest = free.reduce((one, other) => (known(other) > known(one) ? other : one));
  // The system text alone is no reason to give up what another request may come back to: then the one not used for longest.
  const best = known(closest) > tokens.length / 2 ? closest : free[0];
  free.splice(free.indexOf(best), 1);
  const end = best.nextTokenIndex;
  const start = known(best);
  if (start < end) await best.eraseContextTokenRanges([{ start, end }]);
  return { sequence: best, rest: tokens.slice(best.nextTokenIndex) };
}

const app = express();
app.use(express.json());
app.post("/v1/chat/completions", async (request, response) => {
  const { messages, max_tokens: maxTokens } = request.body;
  const turns = [{ role: "system", content: SYSTEM }, ...messages];
  const text = turns.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`);
  const tokens = model.tokenize(`${text.join("")}<|im_start|>assistant\n`, true);
  const { sequence, rest } = await takeSequence(tokens);
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`);
  let count = 0;
  try {
    for await (const token of sequence.evaluate(rest, { temperature: 0 })) {
      count++;
      send({ choices: [{ delta: { content: model.detokenize([token]) } }] });
      if (count >= maxTokens) break;
    }
  } finally {
    free.push(sequence);
  }
  const usage = { prompt_tokens: tokens.length, completion_tokens: count };
  send({ choices: [], usage });
  response.end("data: [DONE]\n\n");
});
const server = app.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
});
