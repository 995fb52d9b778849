import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { GREEDY } from "../../generator/index.ts";
import { PassageFolder } from "../../generator/passage-folder.ts";
import { BLOCK_TOKENS } from "../../generator/prefix-cache.ts";
import { largestDifference } from "../parity/check.ts";
import { openTinyEngine, someIds, type TinyEngine } from "./tiny-engine.ts";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "foreword-passages-")), "kept");
});
afterEach(() => rm(join(path, ".."), { recursive: true, force: true }));

describe("a folder of passages", () => {
  const rows = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  const open = (maxBytes = 10_000) => PassageFolder.open({ path, maxBytes });

  test("gives back what was written, in another process too", async () => {
    const folder = await open();
    folder.set("abc", rows);
    assert.deepEqual(new Uint8Array((await folder.get("abc", 1000))!), rows);
    await folder.close();
    const again = await open();
    assert.deepEqual(new Uint8Array((await again.get("abc", 1000))!), rows);
    assert.equal(await again.get("ab", 1000), undefined);
  });

  test("keeps no more bytes than it may, counting those that were there", async () => {
    const folder = await open(2500);
    for (const key of ["1", "2", "3"]) folder.set(key, rows);
    await folder.close();
    assert.equal((await readdir(path)).length, 2);
    const again = await open(2500);
    again.set("4", rows);
    await again.close();
    assert.equal((await readdir(path)).length, 2);
  });

  test("does not give back what was damaged or cut, nor keep what a killed process had begun", async () => {
    const folder = await open();
    folder.set("1", rows);
    folder.set("2", rows);
    await folder.close();
    await writeFile(join(path, ".half.rows.0123456789ab.tmp"), "x");
    const [first, second] = (await readdir(path)).filter((name) => name.endsWith(".rows"));
    const bytes = await readFile(join(path, first!));
    bytes[500]! ^= 1;
    await writeFile(join(path, first!), bytes);
    await truncate(join(path, second!), 600);
    const again = await open();
    assert.equal(await again.get("1", 1000), undefined);
    assert.equal(await again.get("2", 1000), undefined);
    assert.equal((await readdir(path)).length, 2);
  });

  test("goes on without keeping when it was removed meanwhile", async () => {
    const folder = await open();
    await rm(path, { recursive: true });
    folder.set("1", rows);
    await folder.close();
    assert.equal(await folder.get("1", 1000), undefined);
  });

  test("takes a quarter of the free space unless told how much", async () => {
    const folder = await PassageFolder.open({ path });
    folder.set("1", rows);
    await folder.close();
    assert.equal((await readdir(path)).length, 1);
  });

  test("a place where nothing can be written is refused with what to do", async () => {
    await writeFile(path, "a file");
    await assert.rejects(open(), {
      code: "file/write-failed",
      message: /passage-disk-bytes 0/,
    });
  });
});

describe("training with passages on disk", () => {
  let tiny: TinyEngine;
  before(async () => {
    tiny = await openTinyEngine();
  });
  after(() => tiny.close());

  test("gives the same loss and gradient bit by bit, and reads no passage again, in any trainer", async () => {
    const batch = [1, 2, 3].map((seed) => ({
      prefixIds: someIds(10 + seed, seed),
      ids: someIds(5, seed + 10),
      answerIds: someIds(3, seed + 20),
    }));
    const conditioning = await tiny.engine.deepTokens(someIds(4, 41));
    const kept = { trainingCacheBytes: 0, passageFolder: { path, maxBytes: 2 ** 20 } };
    for (const precision of ["float32", "float16"] as const) {
      const settings = { trainingCachePrecision: precision };
      const memory = await tiny.trainer({ kind: "deep" }, settings);
      const expected = await memory.lossAndGradient(batch, conditioning);
      assert.ok(expected.passageSeconds > 0);
      const writer = await tiny.trainer({ kind: "deep" }, { ...settings, ...kept });
      await writer.lossAndGradient(batch, conditioning);
      assert.equal(writer.cachedBytes, 0);
      await writer.close();
      const reader = await tiny.trainer({ kind: "deep" }, { ...settings, ...kept });
      const { passageSeconds, ...read } = await reader.lossAndGradient(batch, conditioning);
      assert.equal(passageSeconds, 0);
      assert.deepEqual(read, { loss: expected.loss, gradients: expected.gradients });
    }
  });

  test("prefixes that begin alike share their first blocks, with the same bytes whatever was known before", async () => {
    const shared = someIds(BLOCK_TOKENS + 10, 5);
    const [short, long] = [
      [...shared, 3],
      [...shared, ...someIds(40, 6)],
    ];
    for (const trainingCachePrecision of ["float32", "float16"] as const) {
      const open = () => tiny.trainer({ kind: "deep" }, { trainingCachePrecision });
      const [one, other] = [await open(), await open()];
      const forwards = [await one.prefixRows(short), await one.prefixRows(long)];
      const bytes = one.cachedBytes;
      const backwards = [await other.prefixRows(long), await other.prefixRows(short)];
      assert.deepEqual(backwards.reverse(), forwards);
      assert.equal(other.cachedBytes, bytes);
      const perToken = bytes / (BLOCK_TOKENS + 11 + 50);
      const numbers = forwards[0]!.data.length / forwards[0]!.count;
      assert.equal(perToken, numbers * (trainingCachePrecision === "float16" ? 2 : 4));
    }
  });

  test("answers meanwhile from the same rows, whichever way they are kept", async () => {
    const ids = someIds(20, 3);
    const [half, exact] = await Promise.all(
      (["float16", "float32"] as const).map((trainingCachePrecision) =>
        tiny.trainer({ kind: "deep" }, { trainingCachePrecision }),
      ),
    );
    const expected = await tiny.engine.prefill(ids);
    assert.deepEqual(await exact!.prefixRows(ids), expected);
    const rounded = await half!.prefixRows(ids);
    assert.equal(rounded.count, 20);
    assert.ok(largestDifference(rounded.data, expected.data) < 2e-3);
    const answer = async (prefixRows?: typeof expected) => {
      const request = {
        ...{ prefixIds: ids, ids: someIds(4, 9), maxTokens: 8, stopIds: [] },
        ...{ sampling: GREEDY, prefixRows },
      };
      const answered: number[] = [];
      for await (const { id } of tiny.engine.generate(request)) answered.push(id);
      return answered;
    };
    assert.deepEqual(await answer(expected), await answer());
  });

  test("prefixes asked for at once are read once, and their time is counted once", async () => {
    const trainer = await tiny.trainer({ kind: "deep" });
    const conditioning = await tiny.engine.deepTokens(someIds(4, 41));
    const ids = someIds(40, 7);
    const started = performance.now();
    const all = await Promise.all(Array.from({ length: 8 }, () => trainer.prefixRows(ids)));
    const elapsed = (performance.now() - started) / 1000;
    for (const rows of all) assert.deepEqual(rows, all[0]);
    const batch = [{ prefixIds: ids, ids: someIds(5, 8), answerIds: someIds(3, 9) }];
    const { passageSeconds } = await trainer.lossAndGradient(batch, conditioning);
    assert.ok(passageSeconds > 0 && passageSeconds <= elapsed);
  });
});
