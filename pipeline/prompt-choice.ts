import type { Model } from "../generator/index.ts";
import {
  checkPromptFits,
  type LearnedPrompt,
  listPrompts,
  loadPrompt,
  type PromptRecord,
  type Task,
} from "../ptuning/index.ts";

/** The word for answering without a learned prompt. */
export const NO_PROMPT = "none";

/**
 * The learned prompt to answer with. Without a wish: the newest finished one of the store that fits the model and the task, or none.
 * @throws RagError prompt/not-found, prompt/invalid, prompt/mismatch for a named prompt
 */
export async function choosePrompt(
  storeFolder: string,
  model: Model,
  wanted: string | undefined,
  task: Task = "question",
): Promise<LearnedPrompt | undefined> {
  if (wanted === NO_PROMPT) return undefined;
  const name = wanted ?? (await newestName(storeFolder, model, task));
  if (name === undefined) return undefined;
  const prompt = await loadPrompt(storeFolder, name);
  checkPromptFits(prompt, modelIdentity(model));
  return prompt;
}

/** Records of the store's prompts that can be used with the model, newest first. */
export async function usablePrompts(
  storeFolder: string,
  model: Model,
): Promise<readonly PromptRecord[]> {
  const listed = await listPrompts(storeFolder);
  return listed
    .flatMap((prompt) => ("record" in prompt ? [prompt.record] : []))
    .filter(({ baseModel }) => baseModel.fingerprint === model.fingerprint)
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

async function newestName(
  storeFolder: string,
  model: Model,
  wanted: Task,
): Promise<string | undefined> {
  const usable = await usablePrompts(storeFolder, model);
  const isFit = ({ training, task = "question" }: PromptRecord) =>
    training.isFinished && task === wanted;
  return usable.find(isFit)?.name;
}

/** The model as prompts are checked against it. */
export function modelIdentity({ name, fingerprint, config }: Model) {
  return { name, fingerprint, width: config.width };
}
