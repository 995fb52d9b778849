export { LEARNED_ANSWER_TOKENS, scoredAnswerTokens } from "./answer-length.ts";
export {
  type BackendName,
  type LoadedTensorFlow,
  loadTensorFlow,
  type TensorFlow,
} from "./backend.ts";
export { conditioningOf } from "./conditioning-of.ts";
export { holdsAnswer, type Retrieve } from "./examples.ts";
export { withFirstTokens } from "./first-tokens.ts";
export { EXPORT_FORMATS, type ExportFormat, exportPrompt } from "./formats/export-prompt.ts";
export { type ImportOptions, importPrompt } from "./formats/import-prompt.ts";
export { readTorchTensor, type TorchLimits, writeTorchTensor } from "./formats/torch-tensor.ts";
export { documentNames, type FoundPassage, namedPassage } from "./found-passage.ts";
export { ANSWERS_AT_ONCE, answerTogether, generateAnswer } from "./generate-answer.ts";
export { createLargeParameters } from "./large-parameters.ts";
export {
  createPromptEncoder,
  type EncoderKind,
  type PromptEncoder,
  type PromptEncoderOptions,
} from "./methods/encoders/prompt-encoder.ts";
export { fullPrompt } from "./methods/full/model.ts";
export { loraPrompt } from "./methods/lora/model.ts";
export type { TrainedPrompt } from "./methods/method.ts";
export { virtualTokensPrompt } from "./methods/p-tuning/model.ts";
export { prefixPrompt } from "./methods/prefix-tuning/model.ts";
export type { OptimizerSettings } from "./optimizer.ts";
export { parameterReport } from "./parameter-report.ts";
export {
  LoraConfig,
  type PeftConfig,
  PrefixTuningConfig,
  PromptEncoderConfig,
  PromptTuningConfig,
} from "./peft/configs.ts";
export { getPeftModel, PeftModel, type PeftStep } from "./peft/peft-model.ts";
export type { LearnedPrompt, PromptBytes, TrainingState } from "./prompt-file.ts";
export {
  type ChatTurn,
  type LaidOutPrompt,
  layOutPrompt,
  type PassageText,
  type PromptParts,
  questionTooLong,
  tokensBeyondRoom,
} from "./prompt-layout.ts";
export {
  type BaseModel,
  checkPromptFits,
  checkPromptName,
  type PromptDescription,
  type PromptMethod,
  type PromptRecord,
} from "./prompt-record.ts";
export { describeContent, type TokenReport } from "./prompt-report.ts";
export {
  hasPrompt,
  type ListedPrompt,
  listPrompts,
  loadPrompt,
  loadTraining,
  promptBytes,
  removePrompt,
  saveCheckpoint,
  savePrompt,
} from "./prompt-store.ts";
export {
  BETWEEN_TEMPLATE,
  PREFIX_TEMPLATE,
  type PromptTemplate,
  type Task,
  templateOf,
} from "./prompt-template.ts";
export type { DeepTokens, PromptContent } from "./prompt-tensors.ts";
export { type QaFile, readQaFile } from "./qa-file.ts";
export { isQuestion, type QaPair, taskOfPairs } from "./qa-record.ts";
export { type LaidOutQuestion, layOutQuestion } from "./question-layout.ts";
export { type AnswerScore, answerWords, meanScore, scoreAnswer } from "./scores.ts";
export { sparkline } from "./sparkline.ts";
export {
  createTensorParameters,
  type TensorGradients,
  type TensorParameters,
} from "./tensor-parameters.ts";
export {
  type LackOfRoom,
  type PairsByRoom,
  pairsByRoom,
  skippedLine,
} from "./too-long-pairs.ts";
export type {
  NamedParameter,
  StepOptions,
  StepReport,
  TensorData,
  TensorMap,
  Trainable,
} from "./trainable.ts";
export { UNRESUMABLE } from "./training/checkpoint.ts";
export { learningRateOf } from "./training/learning-rate.ts";
export type { TuneEvent } from "./training/tune-events.ts";
export { withoutTooLong } from "./training/tuning-data.ts";
export type { TuneParts } from "./tune.ts";
export { tunePrompt } from "./tune-seeds.ts";
export {
  parseTuneSettings,
  type TuneSettings,
  tuneSettingsJsonSchema,
  unusedSettings,
} from "./tune-settings.ts";
