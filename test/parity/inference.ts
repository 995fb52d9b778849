import { GREEDY } from "../../generator/index.ts";
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
  const logits = largestDifference(await engine.logits(ids), golden.readF32("logits"));
  return [
    { subject, check: "logits", difference: logits, tolerance: LOGITS },
    {
      subject,
      check: "greedy ids",
      difference: countDifferences(greedy, [...golden.readF32("greedy")]),
      tolerance: 0,
    },
  ];
}
