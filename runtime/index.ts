export { type ChatTemplateSource, chatTemplateOf } from "./chat-template.ts";
export { tokenizerFromGguf, tokenizerJsonFromGguf } from "./gguf-tokenizer.ts";
export { LastingWorker } from "./lasting-worker.ts";
export {
  CATALOGUE,
  type CacheEnvironment,
  type CatalogueFile,
  type CatalogueModel,
  defaultCacheFolder,
  type HubOptions,
  hubSource,
  type ListedModel,
  layoutFolder,
  listModels,
  type ModelProgress,
  type ModelSource,
  type PipCommand,
  type RemovedModel,
  type ResolvedModel,
  type ResolveOptions,
  removeLayouts,
  removeModel,
  resolveModel,
  type SourceRequest,
  type WheelOptions,
  wheelSource,
} from "./models/index.ts";
export { PROVIDERS, type Provider, requireProvider } from "./providers.ts";
export {
  floats,
  integers,
  runtimeVersion,
  Session,
  type SessionOptions,
  type Tensor,
} from "./session.ts";
export { type EdgeTokens, edgeTokensOf, tokenizerConfigFromGguf } from "./special-tokens.ts";
export { createTextStream, type TextStream } from "./text-stream.ts";
export {
  type DecodeOptions,
  type EncodeOptions,
  type Tokenizer,
  tokenizerFromFiles,
} from "./tokenizer.ts";
export {
  type DenseTensor,
  dequantize,
  halfTable,
  halfToFloats,
  isGguf,
  openGguf,
  openSafetensors,
  openWeights,
  type TensorInfo,
  type TensorType,
  type WeightFile,
  weightsPathIn,
  writeSafetensors,
} from "./weights/index.ts";
export { type CallOptions, WorkerHost, workerModule } from "./worker-host.ts";
export { type CallContext, type Handlers, serveWorker } from "./worker-serve.ts";
