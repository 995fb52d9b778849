import assert from "node:assert/strict";
import { homedir } from "node:os";
import { after, before, describe, test } from "node:test";
import { encodeChat, Generator, GREEDY } from "../../generator/index.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { defaultModel } from "../default-model.ts";

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
