export type { AnsweredQuestion, ArmResult, Evaluation } from "./evaluation/evaluate.ts";
export {
  type BootstrapOptions,
  type BootstrapResult,
  bootstrap,
  type Interval,
} from "./evaluation/intervals.ts";
export {
  type RankedQuery,
  type RetrievalMetrics,
  retrievalMetrics,
} from "./evaluation/retrieval-metrics.ts";
export { evaluationTable } from "./evaluation/table.ts";
