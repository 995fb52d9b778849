export { Generator } from "../generator/index.ts";
export {
  getPeftModel,
  LoraConfig,
  PeftModel,
  PrefixTuningConfig,
  PromptEncoderConfig,
  PromptTuningConfig,
} from "../ptuning/index.ts";
export { resolveModel } from "../runtime/index.ts";
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
export {
  ChatForeword,
  type ChatForewordCallOptions,
  type ChatForewordFields,
  type ChatForewordOpenOptions,
} from "./langchain/chat-foreword.ts";
export { documentTools } from "./langchain/document-tools.ts";
export { type ForewordChainInput, forewordChain } from "./langchain/foreword-chain.ts";
export {
  ForewordEmbeddings,
  type ForewordEmbeddingsFields,
} from "./langchain/foreword-embeddings.ts";
export {
  ForewordRetriever,
  type ForewordRetrieverFields,
  type ForewordRetrieverOpenOptions,
  type ForewordRetrieverOptions,
} from "./langchain/foreword-retriever.ts";
export {
  ForewordVectorStore,
  type ForewordVectorStoreConfig,
} from "./langchain/foreword-vector-store.ts";
export { ingestDocuments, ingestFiles } from "./langchain/ingest-documents.ts";
export { retrieverTool } from "./langchain/retriever-tool.ts";
export { type Foreword, openForeword } from "./open-foreword.ts";
export { type OpenedStore, type OpenStoreOptions, openStore } from "./open-store.ts";
export type { ForewordOptions } from "./settings.ts";
