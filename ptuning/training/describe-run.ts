import { chooseModules, type DecoderConfig, type Model } from "../../generator/index.ts";
import { defaultTargets } from "../methods/lora/config.ts";
import { METHODS } from "../methods/methods.ts";
import { baseModelOf, type LoraDescription, loraDescription } from "../model-description.ts";
import type { PromptDescription } from "../prompt-record.ts";
import { INPUT_TEMPLATE, taskOf, writeTemplate } from "../prompt-template.ts";
import { encoderOf, type TuneSettings } from "../tune-settings.ts";
import { learningRateOf } from "./learning-rate.ts";

/** What a run adds to its settings. */
export type RunOutcome = Pick<
  PromptDescription["training"],
  | "qaHash"
  | "examples"
  | "epochs"
  | "steps"
  | "seconds"
  | "passageSeconds"
  | "lossCurve"
  | "devCurve"
  | "dev"
  | "isFinished"
  | "trainableParameters"
>;

/** The record of a prompt. */
export function describeRun(
  settings: TuneSettings,
  model: Model,
  run: { readonly outcome: RunOutcome; readonly isInput: boolean },
): PromptDescription {
  const { method, passages, passagesMin, distractors, maxAnswerTokens } = settings;
  return {
    name: settings.name,
    createdAt: new Date().toISOString(),
    method,
    encoder: { kind: encoderOf(settings), hiddenSize: settings.encoderHiddenSize },
    ...(run.isInput ? { task: "input" } : {}),
    placement: settings.placement,
    virtualTokens: METHODS[method].virtualTokens(settings),
    ...(method === "lora" ? { lora: describeLora(settings, model.config) } : {}),
    baseModel: baseModelOf(model),
    training: {
      ...run.outcome,
      seed: settings.seed,
      ...(settings.seeds > 1 ? { seeds: settings.seeds } : {}),
      learningRate: learningRateOf(settings),
      batch: settings.batch * settings.accumulate,
      passages: run.isInput ? 0 : Math.min(passagesMin ?? passages, passages),
      passagesMax: run.isInput ? 0 : passages + distractors,
      maxAnswerTokens,
    },
    template: writeTemplate(
      run.isInput && taskOf(settings.template) !== "input" ? INPUT_TEMPLATE : settings.template,
    ),
    instruction: settings.initialise === "text" ? settings.instruction : "",
  };
}

const describeLora = (
  { rank, alpha, targets }: TuneSettings,
  config: DecoderConfig,
): LoraDescription =>
  loraDescription(config, chooseModules(config, targets ?? defaultTargets(config)), {
    rank,
    alpha,
  });
