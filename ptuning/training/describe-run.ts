import { chooseModules, type DecoderConfig, type Model } from "../../generator/index.ts";
import { defaultTargets } from "../methods/lora/config.ts";
import { METHODS } from "../methods/methods.ts";
import type { BaseModel, PromptDescription } from "../prompt-record.ts";
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
  const { method, passages, passagesMin, distractors } = settings;
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
      learningRate: learningRateOf(settings),
      batch: settings.batch * settings.accumulate,
      passages: run.isInput ? 0 : Math.min(passagesMin ?? passages, passages),
      passagesMax: run.isInput ? 0 : passages + distractors,
    },
    template: writeTemplate(
      run.isInput && taskOf(settings.template) !== "input" ? INPUT_TEMPLATE : settings.template,
    ),
    instruction: settings.initialise === "text" ? settings.instruction : "",
  };
}

/** The frozen model as a record names it. */
export function baseModelOf({ name, fingerprint, config }: Model): BaseModel {
  const { width, layers, heads, keyValueHeads, headDimension } = config;
  return { name, fingerprint, width, layers, attentionHeads: heads, keyValueHeads, headDimension };
}

function describeLora(
  { rank, alpha, targets }: TuneSettings,
  config: DecoderConfig,
): NonNullable<PromptDescription["lora"]> {
  const chosen = targets ?? defaultTargets(config);
  const modules = chooseModules(config, chosen);
  return {
    rank,
    alpha,
    targets: [...peftTargets(chosen, modules)],
    isTransposed: modules.some(({ isTransposed }) => isTransposed),
    modules: modules.map(({ path, rows, columns }) => ({ path, rows, columns })),
  };
}

/** Targets as PEFT matches them: by the end of a module's path, in full. */
function peftTargets(
  targets: readonly string[],
  modules: readonly { readonly path: string }[],
): readonly string[] {
  const isName = (name: string) => modules.some(({ path }) => path.endsWith(`.${name}`));
  if (targets.includes("all-linear")) {
    return [...new Set(modules.map(({ path }) => path.split(".").at(-1)!))];
  }
  return [...new Set(targets.map((target) => (isName(target) ? target : `${target}_proj`)))];
}
