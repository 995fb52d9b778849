import { parseTuneSettings, type TuneSettings } from "../tune-settings.ts";

/** Fields every configuration has, as PEFT names them. */
interface SharedFields {
  /** Default 20. */
  readonly numVirtualTokens?: number;
  /** Step size; the method's own unless given. */
  readonly learningRate?: number;
  readonly seed?: number;
}

/** A configuration that {@link getPeftModel} takes. */
export interface PeftConfig {
  /** As in `adapter_config.json`. */
  readonly peftType: "P_TUNING" | "PROMPT_TUNING" | "PREFIX_TUNING" | "LORA";
  /** The same in the words of `foreword tune`. */
  readonly settings: TuneSettings;
}

const DEFAULT_TOKENS = 20;

/** P-Tuning, as peft.PromptEncoderConfig. @throws RagError config/invalid */
export class PromptEncoderConfig implements PeftConfig {
  readonly peftType = "P_TUNING";
  readonly settings: TuneSettings;

  constructor(
    fields: SharedFields & {
      /** Default "MLP". */
      readonly encoderReparameterizationType?: "MLP" | "LSTM";
      /** Default 128; PEFT's is the model's width. */
      readonly encoderHiddenSize?: number;
    } = {},
  ) {
    const { encoderReparameterizationType: kind = "MLP", encoderHiddenSize } = fields;
    this.settings = settingsOf("PromptEncoderConfig", fields, {
      method: "p-tuning",
      encoder: kind.toLowerCase(),
      initialise: "random",
      encoderHiddenSize,
    });
  }
}

/** Prompt tuning, as peft.PromptTuningConfig. @throws RagError config/invalid */
export class PromptTuningConfig implements PeftConfig {
  readonly peftType = "PROMPT_TUNING";
  readonly settings: TuneSettings;

  constructor(
    fields: SharedFields & {
      /** "RANDOM" unless a text is given. */
      readonly promptTuningInit?: "TEXT" | "RANDOM" | "SAMPLE_VOCAB";
      readonly promptTuningInitText?: string;
    } = {},
  ) {
    const { promptTuningInitText: instruction } = fields;
    const { promptTuningInit = instruction === undefined ? "RANDOM" : "TEXT" } = fields;
    const initialise = { TEXT: "text", RANDOM: "random", SAMPLE_VOCAB: "vocabulary" };
    this.settings = settingsOf("PromptTuningConfig", fields, {
      method: "prompt-tuning",
      initialise: initialise[promptTuningInit],
      instruction,
    });
  }
}

/** Prefix-tuning, as peft.PrefixTuningConfig. @throws RagError config/invalid */
export class PrefixTuningConfig implements PeftConfig {
  readonly peftType = "PREFIX_TUNING";
  readonly settings: TuneSettings;

  constructor(
    fields: SharedFields & {
      readonly prefixProjection?: boolean;
      /** Of the projection. Default 128; PEFT's is the model's width. */
      readonly encoderHiddenSize?: number;
    } = {},
  ) {
    this.settings = settingsOf("PrefixTuningConfig", fields, {
      method: "prefix-tuning",
      initialise: "random",
      projection: fields.prefixProjection,
      encoderHiddenSize: fields.encoderHiddenSize,
    });
  }
}

/** LoRA, as peft.LoraConfig. @throws RagError config/invalid */
export class LoraConfig implements PeftConfig {
  readonly peftType = "LORA";
  readonly settings: TuneSettings;

  constructor(
    fields: Omit<SharedFields, "numVirtualTokens"> & {
      /** Default 8, as in PEFT. */
      readonly r?: number;
      /** Default 8, as in PEFT. */
      readonly loraAlpha?: number;
      /** Default: all projections of attention; PEFT has a list by model, for Llama q_proj and v_proj. */
      readonly targetModules?: readonly string[];
    } = {},
  ) {
    const { r: rank = 8, loraAlpha: alpha = 8, targetModules: targets } = fields;
    this.settings = settingsOf("LoraConfig", fields, { method: "lora", rank, alpha, targets });
  }
}

/** Virtual tokens stand in front, where PEFT puts them. */
function settingsOf(
  source: string,
  { numVirtualTokens: tokens = DEFAULT_TOKENS, learningRate, seed }: SharedFields,
  own: object,
): TuneSettings {
  const all = { ...own, tokens, learningRate, seed, placement: "prefix" };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return parseTuneSettings(Object.fromEntries(given), source);
}
