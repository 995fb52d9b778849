import { listPrompts, removePrompt } from "../ptuning/index.ts";
import { type RemovedModel, removeLayouts } from "../runtime/index.ts";
import type { Settings } from "./settings.ts";

/**
 * Removes a learned prompt and, where it is a model of its own, what engines made of its weights.
 * @throws RagError prompt/not-found, file/write-failed
 */
export async function removePromptAndLayouts(
  { store, cache }: Pick<Settings, "store" | "cache">,
  name: string,
): Promise<Pick<RemovedModel, "left">> {
  const listed = (await listPrompts(store)).find((prompt) => prompt.name === name);
  await removePrompt(store, name);
  // A damaged prompt does not say what its weights were.
  if (!listed || !("record" in listed)) return {};
  const fingerprint = listed.record.files["model/model.safetensors"];
  return fingerprint ? { left: await removeLayouts(cache, fingerprint) } : {};
}
