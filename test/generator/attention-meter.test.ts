import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AttentionMeter, type AttentionShares } from "../../generator/attention-meter.ts";
import type { Conditioning } from "../../generator/index.ts";
import { openTinyEngine, someIds, type TinyEngine } from "./tiny-engine.ts";

describe("where attention goes, on the tiny golden model", () => {
  let tiny: TinyEngine;
  let meter: AttentionMeter;
  before(async () => {
    tiny = await openTinyEngine();
    meter = await AttentionMeter.open(tiny.engine.model, tiny.options);
  });
  after(async () => {
    await meter.close();
    await tiny.close();
  });

  const passage = someIds(9, 3);
  const tail = { ids: someIds(5, 4), answerIds: someIds(3, 5) };
  const shares = async (conditioning: Conditioning, prefixIds: readonly number[] = []) =>
    (await meter.shares([{ prefixIds, ...tail }], conditioning))!;
  const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0);
  const requireClose = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-5, `${a}, ${b}`);
  const whole = ({ before: first, virtualTokens, after: last }: AttentionShares) =>
    first + sum(virtualTokens) + last;

  test("a text is looked at as much whether it is read, given as embeddings or as rows of every layer", async () => {
    const nothing = { kind: "virtual", count: 0, rows: new Float32Array(0) } as const;
    const read = await shares(nothing, passage);
    const rows = tiny.engine.embeddings(passage);
    const embedded = await shares({ kind: "virtual", count: passage.length, rows });
    const deep = await shares(await tiny.engine.deepTokens(passage));
    for (const given of [embedded, deep]) {
      assert.equal(given.before, 0);
      assert.equal(given.virtualTokens.length, passage.length);
      requireClose(sum(given.virtualTokens), read.before);
      requireClose(given.after, read.after);
      requireClose(whole(given), 1);
    }
    for (const [index, share] of deep.virtualTokens.entries()) {
      requireClose(share, embedded.virtualTokens[index]!);
    }
  });

  test("several examples give their mean; changed weights have no shares", async () => {
    const deep = await tiny.engine.deepTokens(someIds(4, 8));
    const examples = [
      { prefixIds: passage, ...tail },
      { prefixIds: someIds(14, 6), ids: someIds(3, 7), answerIds: someIds(1, 9) },
    ];
    const [both, ...each] = [
      (await meter.shares(examples, deep))!,
      (await meter.shares(examples.slice(0, 1), deep))!,
      (await meter.shares(examples.slice(1), deep))!,
    ];
    requireClose(both.before, sum(each.map((one) => one.before)) / 2);
    requireClose(whole(both), 1);
    const lora: Conditioning = {
      kind: "lora",
      count: 0,
      identity: { slot: "x", version: "1" },
      shape: { rank: 1, scale: 1, modules: [] },
      matrices: new Map(),
    };
    assert.equal(await meter.shares(examples, lora), undefined);
  });
});
