import assert from "node:assert/strict";
import { after, before, describe, mock, test } from "node:test";
import { Worker } from "node:worker_threads";
import { openTinyGenerator, type TinyGenerator } from "../ptuning/tiny-generator.ts";
import { someIds } from "./tiny-engine.ts";

describe("what the generator's thread trains, on the tiny golden model", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const settings = { target: { kind: "virtual" }, trainingCacheBytes: 2 ** 20 } as const;
  const example = { prefixIds: [], ids: someIds(100, 1), answerIds: someIds(20, 2) };
  const rows = async () =>
    ({ kind: "virtual", count: 4, rows: await tiny.generator.embeddings(someIds(4, 3)) }) as const;

  test("an abort ends a batch that would take minutes", { timeout: 60_000 }, async () => {
    const { generator } = tiny;
    await generator.openTrainer(settings);
    try {
      const stop = new AbortController();
      const batch = new Array(20_000).fill(example);
      const work = generator.lossAndGradient(batch, await rows(), stop.signal);
      // Answered between two pieces: by now the batch is under way.
      await generator.load();
      stop.abort();
      await assert.rejects(work, { name: "AbortError" });
      const { loss } = await generator.lossAndGradient([example], await rows());
      assert.ok(Number.isFinite(loss));
    } finally {
      await generator.closeTrainer();
    }
  });

  test("a training goes on in the thread that replaces one which died", async () => {
    const { generator } = tiny;
    await generator.openTrainer(settings);
    try {
      const earlier = await generator.lossAndGradient([example], await rows());
      const threads = mock.method(Worker.prototype, "postMessage");
      await generator.load();
      const thread = threads.mock.calls.at(-1)!.this as Worker;
      threads.mock.restore();
      await thread.terminate();
      const later = await generator.lossAndGradient([example], await rows());
      assert.equal(generator.restarts, 1);
      assert.deepEqual([later.loss, later.gradients], [earlier.loss, earlier.gradients]);
    } finally {
      await generator.closeTrainer();
    }
  });
});
