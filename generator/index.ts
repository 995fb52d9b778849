export type { AttentionShares } from "./attention-meter.ts";
export { encodeUpTo, type TokenCount } from "./bounded-encoding.ts";
export {
  type ChatMessage,
  type EncodedChat,
  encodeChat,
  encodeChatSegments,
  MARK,
} from "./chat.ts";
export {
  type Adaptation,
  type Conditioning,
  DRAFT_SLOT,
  isAdaptation,
  type LoraShape,
} from "./conditioning.ts";
export type { DecoderConfig } from "./config.ts";
export { Engine } from "./engine.ts";
export { DEFAULT_MAX_SEQUENCES, type EngineOptions } from "./engine-options.ts";
export { configFromGguf, configFromHuggingFace } from "./families/index.ts";
export type {
  EngineLoad,
  GeneratedToken,
  GenerationRequest,
  GenerationSummary,
  PromptReading,
  TextBehindPrefixes,
  TokenLogProbability,
} from "./generation.ts";
export { Generator } from "./generator.ts";
export { loraNames } from "./lora.ts";
export { type DecoderSource, type Model, readModel } from "./model.ts";
export { chooseModules, linearModules, type Module, targetNames } from "./modules.ts";
export { nearestByValue } from "./nearest-by-value.ts";
export { type NearToken, nearestTokens } from "./nearest-tokens.ts";
export { parameterCount } from "./parameter-count.ts";
export { splitAtBlock } from "./prefix-cache.ts";
export type { PromptScore } from "./prompt-scores.ts";
export { rotateRows } from "./rotary-tables.ts";
export { GREEDY, type Sampling } from "./sampling.ts";
export { requireSavable, saveModel } from "./save-model.ts";
export { readTrainableWeights } from "./trainable-weights.ts";
export {
  type LossAndGradient,
  TrainerEngine,
  type TrainerOptions,
  type TrainerSettings,
  type TrainingExample,
} from "./trainer-engine.ts";
export type { TrainingTarget } from "./training-graph.ts";
