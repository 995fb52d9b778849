import { type Engine, type GenerationRequest, GREEDY } from "../../generator/index.ts";
import { type Check, countDifferences, largestDifference } from "./check.ts";
import type { GoldenModel } from "./golden-model.ts";

const LOGITS = 2e-4;
const GREEDY_TOKENS = 12;

/** Scores of every token, and the greedy continuation behind a cached prefix. */
export async function checkInference({
  engine,
  golden,
  subject,
}: Pick<GoldenModel, "engine" | "golden" | "subject">): Promise<Check[]> {
  const ids = [...golden.readF32("input_ids")];
  const greedy: number[] = [];
  const half = Math.floor(ids.length / 2);
  const request = {
    prefixIds: ids.slice(0, half),
    ids: ids.slice(half),
    maxTokens: GREEDY_TOKENS,
    stopIds: [],
    sampling: GREEDY,
  };
  for await (const { id } of engine.generate(request)) greedy.push(id);
  const expected = golden.readF32("logits");
  const scores = await engine.logits(ids);
  const behind = await engine.logits(ids.slice(half), { prefixIds: ids.slice(0, half) });
  return [
    {
      subject,
      check: "logits",
      difference: largestDifference(scores, expected),
      tolerance: LOGITS,
    },
    {
      subject,
      check: "cached logits",
      difference: largestDifference(behind, expected.subarray(-behind.length)),
      tolerance: LOGITS,
    },
    {
      subject,
      check: "base unchanged",
      difference: await differingBits(engine, ids, scores),
      tolerance: 0,
    },
    {
      subject,
      check: "batched ids",
      difference: await differingIds(engine, request, [...golden.readF32("greedy")]),
      tolerance: 0,
    },
    {
      subject,
      check: "greedy ids",
      difference: countDifferences(greedy, [...golden.readF32("greedy")]),
      tolerance: 0,
    },
  ];
}

/** How many scores of the bare model have other bits after a learned prompt was used. */
async function differingBits(
  engine: Engine,
  ids: readonly number[],
  before: Float32Array,
): Promise<number> {
  const conditioning = {
    kind: "virtual",
    count: 2,
    rows: engine.embeddings(ids.slice(0, 2)),
  } as const;
  await engine.logits(ids, { conditioning });
  const after = await engine.logits(ids);
  const bits = ({ buffer, byteOffset, length }: Float32Array) =>
    new Int32Array(buffer, byteOffset, length);
  return countDifferences([...bits(after)], [...bits(before)]);
}

/** The same request three times among others that join and leave: how many ids differ from those recorded. */
async function differingIds(
  engine: Engine,
  request: GenerationRequest,
  expected: readonly number[],
): Promise<number> {
  const others = [3, 30].map((maxTokens) => ({ ...request, ids: request.ids.slice(1), maxTokens }));
  const batch = [others[0]!, request, request, others[1]!, request];
  const found = await Promise.all(
    batch.map(async (one) => {
      const ids: number[] = [];
      for await (const { id } of engine.generate(one)) ids.push(id);
      return ids;
    }),
  );
  const own = found.filter((_, index) => batch[index] === request);
  return own.reduce((sum, ids) => sum + countDifferences(ids, expected), 0);
}
