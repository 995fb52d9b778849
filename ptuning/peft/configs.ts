import { z } from "zod";
import { parseWith } from "../../core/index.ts";
import { parseTuneSettings, type TuneSettings, tuneFields } from "../tune-settings.ts";

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

/** Ranges are those of `foreword tune`; an error names the field as it is written here. */
const sharedFields = {
  learningRate: tuneFields.learningRate,
  seed: tuneFields.seed.unwrap().optional(),
};
const tokenFields = {
  ...sharedFields,
  numVirtualTokens: tuneFields.tokens.unwrap().default(DEFAULT_TOKENS),
};
const encoderHiddenSize = tuneFields.encoderHiddenSize.unwrap().optional();

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
    const source = "PromptEncoderConfig";
    const { encoderReparameterizationType: kind, ...more } = parseWith(
      promptEncoderSchema,
      fields,
      source,
    );
    this.settings = settingsOf(source, more, {
      method: "p-tuning",
      encoder: kind.toLowerCase(),
      initialise: "random",
      encoderHiddenSize: more.encoderHiddenSize,
    });
  }
}

const promptEncoderSchema = z.strictObject({
  ...tokenFields,
  encoderReparameterizationType: z.enum(["MLP", "LSTM"]).default("MLP"),
  encoderHiddenSize,
});

/** Prompt tuning, as peft.PromptTuningConfig. @throws RagError config/invalid */
export class PromptTuningConfig implements PeftConfig {
  readonly peftType = "PROMPT_TUNING";
  readonly settings: TuneSettings;

  constructor(
    fields: SharedFields & {
      /** "RANDOM" unless a text is given. "TEXT" needs one. */
      readonly promptTuningInit?: "TEXT" | "RANDOM" | "SAMPLE_VOCAB";
      readonly promptTuningInitText?: string;
    } = {},
  ) {
    const source = "PromptTuningConfig";
    const given = parseWith(promptTuningSchema, fields, source);
    const { promptTuningInitText: instruction } = given;
    const { promptTuningInit = instruction === undefined ? "RANDOM" : "TEXT" } = given;
    const initialise = { TEXT: "text", RANDOM: "random", SAMPLE_VOCAB: "vocabulary" };
    this.settings = settingsOf(source, given, {
      method: "prompt-tuning",
      initialise: initialise[promptTuningInit],
      instruction,
    });
  }
}

const promptTuningSchema = z
  .strictObject({
    ...tokenFields,
    promptTuningInit: z.enum(["TEXT", "RANDOM", "SAMPLE_VOCAB"]).optional(),
    promptTuningInitText: tuneFields.instruction.unwrap().optional(),
  })
  .refine(
    ({ promptTuningInit: init = "TEXT", promptTuningInitText: text }) =>
      text === undefined || init === "TEXT",
    { path: ["promptTuningInitText"], error: 'is used with promptTuningInit "TEXT" only' },
  )
  .refine(
    ({ promptTuningInit: init, promptTuningInitText: text }) =>
      init !== "TEXT" || text !== undefined,
    {
      path: ["promptTuningInitText"],
      error: 'has to be given with promptTuningInit "TEXT", which starts from it',
    },
  );

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
    const source = "PrefixTuningConfig";
    const given = parseWith(prefixTuningSchema, fields, source);
    this.settings = settingsOf(source, given, {
      method: "prefix-tuning",
      initialise: "random",
      projection: given.prefixProjection,
      encoderHiddenSize: given.encoderHiddenSize,
    });
  }
}

const prefixTuningSchema = z.strictObject({
  ...tokenFields,
  prefixProjection: tuneFields.projection.unwrap().optional(),
  encoderHiddenSize,
});

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
    const source = "LoraConfig";
    const { r: rank, loraAlpha: alpha, ...more } = parseWith(loraSchema, fields, source);
    const own = { method: "lora", rank, alpha, targets: more.targetModules };
    this.settings = settingsOf(source, more, own);
  }
}

const loraSchema = z.strictObject({
  ...sharedFields,
  r: tuneFields.rank.unwrap().default(8),
  loraAlpha: tuneFields.alpha.unwrap().default(8),
  targetModules: tuneFields.targets,
});

/** Virtual tokens stand in front, where PEFT puts them. */
function settingsOf(
  source: string,
  given: z.infer<z.ZodObject<typeof sharedFields>> & {
    readonly numVirtualTokens?: number | undefined;
  },
  own: object,
): TuneSettings {
  const { numVirtualTokens: tokens, learningRate, seed } = given;
  const all = { ...own, tokens, learningRate, seed, placement: "prefix" };
  const set = Object.entries(all).filter(([, value]) => value !== undefined);
  return parseTuneSettings(Object.fromEntries(set), source);
}
