import { countedPassages } from "../passage-text.ts";
import { table } from "../terminal.ts";
import type { ArmResult, Evaluation } from "./evaluate.ts";
import { signedInterval } from "./interval-text.ts";

/** Heads of {@link armRows}. */
export const ARM_COLUMNS = ["arm", "EM", "95%", "F1", "95%", "F1 over rag", "seconds"] as const;

/** One row of text per arm. */
export function armRows(arms: Evaluation["arms"]): readonly (readonly string[])[] {
  return Object.entries(arms).map(([name, result]) => [
    name,
    result.em.toFixed(1),
    range(result.emInterval),
    result.f1.toFixed(1),
    range(result.f1Interval),
    result.f1OverRag ? signedInterval(result.f1OverRag) : "",
    result.seconds.toFixed(1),
  ]);
}

/** What retrieval found, as pairs of name and value; empty when it was not measured. */
export function retrievalRows({
  retrieval,
}: Pick<Evaluation, "retrieval">): readonly (readonly [string, string])[] {
  if (!retrieval) return [];
  const { recall, mrr, ndcg10 } = retrieval;
  const ranks = [1, 3, 5, 10] as const;
  return [
    ...ranks.map((k): [string, string] => [`recall@${k}`, recall[k].toFixed(3)]),
    ["MRR", mrr.toFixed(3)],
    ["nDCG@10", ndcg10.toFixed(3)],
  ];
}

/** The result for a terminal. */
export function evaluationTable(result: Evaluation): string {
  const head = `${result.n} questions, ${countedPassages(result.k)} each; scores 0 to 100 with 95% paired bootstrap intervals`;
  const retrieval = retrievalLine(result);
  const lines = [head, "", table([ARM_COLUMNS, ...armRows(result.arms)])];
  if (retrieval !== "") lines.push("", `retrieval: ${retrieval}`);
  return lines.join("\n");
}

/** What retrieval found in one line; "" when it was not measured. */
export const retrievalLine = (result: Pick<Evaluation, "retrieval">): string =>
  retrievalRows(result)
    .map(([name, value]) => `${name} ${value}`)
    .join("  ");

const range = ([low, high]: ArmResult["emInterval"]) => `${low.toFixed(1)}–${high.toFixed(1)}`;
