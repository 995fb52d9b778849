import { type Model, readModel } from "../../generator/index.ts";
import {
  describeContent,
  type LearnedPrompt,
  loadPrompt,
  type PromptBytes,
  type PromptDescription,
  promptBytes,
  sparkline,
  type TokenReport,
} from "../../ptuning/index.ts";
import type { CommandContext } from "../command-host.ts";
import { table } from "../terminal.ts";

/** `foreword prompts show`: the record, the curves, and what the virtual tokens resemble. */
export async function showPrompt(context: CommandContext, name: string): Promise<void> {
  const { settings, terminal } = context;
  const prompt = await loadPrompt(settings.store, name);
  const bytes = await promptBytes(settings.store, name);
  const tokens = await describeContent(prompt, await ownModel(context, prompt));
  terminal.result({ ...prompt.about, bytes, tokens }, () => describe(prompt.about, bytes, tokens));
}

/** The model in use, where it is the prompt's: only then its vocabulary says something. */
async function ownModel(
  { settings, workspace }: CommandContext,
  { about, content }: LearnedPrompt,
): Promise<Model | undefined> {
  if (!("virtualTokens" in content || "deep" in content)) return undefined;
  const resolved = await workspace.resolveModel(settings.model);
  return resolved.fingerprint === about.baseModel.fingerprint ? readModel(resolved) : undefined;
}

function describe(
  about: PromptDescription,
  bytes: PromptBytes,
  tokens: readonly TokenReport[],
): string {
  const { training, baseModel, lora } = about;
  const trained = training.trainableParameters;
  const lines = [
    `${about.name}: ${about.method}, ${about.virtualTokens} virtual tokens, ${about.placement}, for ${baseModel.name}`,
    `size: ${bytes.prompt} bytes, and ${bytes.training} to resume training`,
    ...(trained === undefined ? [] : [`trained numbers: ${trained.toLocaleString("en-US")}`]),
    ...(lora ? [`lora: rank ${lora.rank}, alpha ${lora.alpha}, ${lora.targets.join(", ")}`] : []),
    `data: ${training.examples} examples, sha256 ${training.qaHash.slice(0, 16)}…, seed ${training.seed}`,
    `training: ${training.epochs.toFixed(2)} epochs, ${training.steps} steps of ${training.batch}, rate ${training.learningRate}, ${training.seconds.toFixed(0)} s${training.isFinished ? "" : " (not finished)"}`,
    scores(training),
    ...curve("loss", training.lossCurve),
    ...curve(
      "held-out F1",
      training.devCurve.map(({ f1 }) => f1),
    ),
  ];
  if (about.attention) lines.push(attentionLine(about.attention));
  if (tokens.length > 0) lines.push("", tokenTable(tokens, about));
  return lines.join("\n");
}

function scores({ dev }: PromptDescription["training"]): string {
  return dev
    ? `held out: EM ${dev.em.toFixed(1)}, F1 ${dev.f1.toFixed(1)}`
    : "held out: nothing was scored";
}

function curve(name: string, values: readonly number[]): string[] {
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [`${name}: ${first.toFixed(2)} ${sparkline(values)} ${last.toFixed(2)}`];
}

type Attention = NonNullable<PromptDescription["attention"]>;

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** Where answers look. */
function attentionLine({ virtualTokens, before, after }: Attention): string {
  const own = virtualTokens.reduce((sum, share) => sum + share, 0);
  return `attention of answers: ${percent(before)} before the virtual tokens, ${percent(own)} on them, ${percent(after)} after`;
}

function tokenTable(
  tokens: readonly TokenReport[],
  { attention, method }: PromptDescription,
): string {
  const isDeep = method === "p-tuning-v2" || method === "prefix-tuning";
  const words = isDeep ? "nearest words (values of the first layer)" : "nearest words";
  return table([
    ["token", "norm", "attention", words],
    ...tokens.map(({ norm, nearest = [] }, index) => [
      String(index + 1),
      norm.toFixed(3),
      attention ? percent(attention.virtualTokens[index] ?? 0) : "–",
      nearest
        .map(({ token, cosine }) => `${JSON.stringify(token)} ${cosine.toFixed(2)}`)
        .join("  "),
    ]),
  ]);
}
