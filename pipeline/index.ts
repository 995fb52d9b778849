export { type ErrorCode, RagError } from "../core/index.ts";
export { type EngineOptions, Generator, type TrainingExample } from "../generator/index.ts";
export type {
  DocumentLoader,
  IngestSummary,
  LoadedDocument,
  TextSplitter,
} from "../ingest/index.ts";
export {
  getPeftModel,
  LoraConfig,
  type PeftConfig,
  PeftModel,
  type PeftStep,
  PrefixTuningConfig,
  PromptEncoderConfig,
  PromptTuningConfig,
} from "../ptuning/index.ts";
export type {
  Corpus,
  Embedder,
  Filter,
  Retriever,
  SearchOptions,
  SearchResult,
} from "../retriever/index.ts";
export { type ResolvedModel, type ResolveOptions, resolveModel } from "../runtime/index.ts";
export type {
  Abstention,
  Answer,
  Answerer,
  AnswerMode,
  AnswerRequest,
  Message,
} from "./answerer.ts";
export {
  ChatForeword,
  type ChatForewordCallOptions,
  type ChatForewordFields,
  type ChatForewordOpenOptions,
} from "./langchain/chat-foreword.ts";
export { documentTools } from "./langchain/document-tools.ts";
export {
  type ForewordChainInput,
  type ForewordChainOutput,
  forewordChain,
} from "./langchain/foreword-chain.ts";
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
export type { Passage } from "./passage.ts";
export type { ForewordOptions } from "./settings.ts";
