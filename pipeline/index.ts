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
