import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { after, before, beforeEach, describe, test } from "node:test";
import { parseTuneSettings, type TuneEvent, tunePrompt } from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const BASE = { method: "prompt-tuning", tokens: 2, epochs: 1, limit: 8, batch: 4 };

describe("the lock of a training", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());
  beforeEach(() => rm(tiny.storeFolder, { recursive: true, force: true }));

  const begin = (settings: object, retrieve = tinyRetrieve): AsyncGenerator<TuneEvent, void> => {
    const { generator, storeFolder } = tiny;
    const parts = { qa: tinyQa, generator, retrieve, storeFolder };
    return tunePrompt(parseTuneSettings({ ...BASE, ...settings }, "test"), parts);
  };
  const refused = (settings: object, message: RegExp, code = "file/locked") =>
    assert.rejects(begin(settings).next(), { code, message });

  test("refuses a second one of its name, until it has ended or is left", async () => {
    const first = begin({ name: "a" });
    await first.next();
    await refused(
      { name: "a" },
      /^prompt "a": another foreword process \(tune, process \d+, since .*\) trains under this name; wait .*--name/,
    );
    await first.return();
    const second = begin({ name: "a" });
    for await (const _ of second);
    const third = begin({ name: "a" });
    assert.equal((await third.next()).done, false);
    await third.return();
  });

  test("leaves other names alone", async () => {
    const first = begin({ name: "a" });
    await first.next();
    const other = begin({ name: "b" });
    assert.equal((await other.next()).done, false);
    await Promise.all([first.return(), other.return()]);
  });

  test("is of every seed's name too", async () => {
    const seeds = begin({ name: "a", seeds: 2 });
    await seeds.next();
    await refused({ name: "a" }, /^prompt "a": /);
    await refused({ name: "a.seed-2" }, /^prompt "a\.seed-2": /);
    await seeds.return();
    const one = begin({ name: "a.seed-2" });
    await one.next();
    await refused({ name: "a", seeds: 2 }, /^prompt "a\.seed-2": /);
    // What it had locked until then is free again.
    const same = begin({ name: "a.seed-1" });
    assert.equal((await same.next()).done, false);
    await Promise.all([one.return(), same.return()]);
  });

  test("ends with a training that fails", async () => {
    const failing = begin({ name: "a" }, () => Promise.reject(new Error("nothing found")));
    await assert.rejects(async () => {
      for await (const _ of failing);
    }, /nothing found/);
    const next = begin({ name: "a" });
    assert.equal((await next.next()).done, false);
    await next.return();
  });

  test("that cannot be made is told of at once, in one sentence without the store's folder", async () => {
    await writeFile(tiny.storeFolder, "");
    await refused(
      { name: "a" },
      /^prompt "a": its training cannot be saved in this store \(ENOTDIR: .*\); check permissions and free space\.$/,
      "file/write-failed",
    );
  });
});
