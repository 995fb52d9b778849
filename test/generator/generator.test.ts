import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, describe, mock, test } from "node:test";
import { Worker } from "node:worker_threads";
import { encodeChat, Generator, GREEDY } from "../../generator/index.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { defaultModel } from "../default-model.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";

describe("the generator in its worker, with the real model", () => {
  let generator: Generator;
  before(async () => {
    const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
    generator = await Generator.open(await defaultModel("smollm2-135m-instruct"), { cacheFolder });
  });
  after(() => generator.close());

  const request = (question: string, maxTokens: number) => ({
    prefixIds: [],
    ids: encodeChat(generator.model, [{ role: "user", parts: [question] }]).before,
    maxTokens,
    stopIds: generator.model.stopIds,
    sampling: GREEDY,
  });

  test("answers a question while this thread stays free", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const ids: number[] = [];
    for await (const { id } of generator.generate(request("Who wrote Romeo and Juliet?", 24))) {
      ids.push(id);
    }
    clearInterval(timer);
    assert.match(generator.model.tokenizer.decode(ids), /Shakespeare/);
    assert.ok(ticks > 3, `${ticks} timer ticks`);
  });

  test("stopping the iteration stops the work: the next request is answered at once", async () => {
    for await (const _ of generator.generate(request("Write a long story about the sea.", 2000))) {
      break;
    }
    const next = generator.generate(request("Say yes.", 1));
    assert.equal((await next.next()).done, false);
  });

  test("an abort is thrown where the tokens are awaited", async () => {
    const controller = new AbortController();
    const tokens = generator.generate(request("Write a long story.", 2000), controller.signal);
    await tokens.next();
    controller.abort();
    await assert.rejects(
      async () => {
        for await (const _ of tokens);
      },
      { name: "AbortError" },
    );
  });

  test("an error of the engine arrives with its code", async () => {
    const tokens = generator.generate(request("Hi", 100_000));
    await assert.rejects(tokens.next(), { code: "context/overflow" });
  });

  test("questions asked together are answered together, as each is alone", async () => {
    const asked = ["Who wrote Hamlet?", "What is the capital of Italy?", "Name a colour."].map(
      (question) => request(question, 12),
    );
    const answer = async (one: (typeof asked)[number]) => {
      const ids: number[] = [];
      for await (const { id } of generator.generate(one)) ids.push(id);
      return ids;
    };
    const alone = [];
    for (const one of asked) alone.push(await answer(one));
    assert.deepEqual(await Promise.all(asked.map(answer)), alone);
    const long = ["sea", "moon"].map((subject) =>
      generator.generate(request(`Write a long story about the ${subject}.`, 2000)),
    );
    for (const tokens of long) await tokens.next();
    const { running } = await generator.load();
    for (const tokens of long) await tokens.return({} as never);
    assert.equal(running, 2);
  });

  test("a thread that is torn down is replaced, and the next question is answered", async () => {
    const threads = mock.method(Worker.prototype, "postMessage");
    await generator.load();
    const thread = threads.mock.calls.at(-1)!.this as Worker;
    threads.mock.restore();
    await thread.terminate();
    const { done } = await generator.generate(request("Say yes.", 1)).next();
    assert.equal(done, false);
  });

  test("a worker that ends fails its request instead of hanging", async () => {
    const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
    const other = await Generator.open(await defaultModel("smollm2-135m-instruct"), {
      cacheFolder,
    });
    const tokens = other.generate(request("Write a long story.", 2000));
    await tokens.next();
    await other.close();
    await assert.rejects(
      async () => {
        for await (const _ of tokens);
      },
      { code: "engine/failed" },
    );
  });
});

test("a model without a readable tokenizer is refused though its engine starts, and the engine is ended", async (context) => {
  const golden = join(import.meta.dirname, "..", "fixtures", "golden", "models", "llama-tied");
  const folder = temporaryFolder(context);
  cpSync(golden, folder, { recursive: true });
  writeFileSync(join(folder, "tokenizer.json"), '{"model": {}}');
  const threads = mock.method(Worker.prototype, "postMessage");
  const weightsPath = join(folder, "model.safetensors");
  const model = { name: "tiny", folder, weightsPath, fingerprint: "d".repeat(64) };
  const opening = Generator.open(model, { cacheFolder: folder, contextLength: 64, threads: 1 });
  await assert.rejects(opening, { code: "model/invalid", message: /tokenizer\.json/ });
  const requests = threads.mock.calls.map(({ arguments: [request] }) => request.kind);
  threads.mock.restore();
  assert.deepEqual(requests, ["call", "end"]);
});
