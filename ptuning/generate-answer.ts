import { type Conditioning, type Generator, GREEDY } from "../generator/index.ts";
import type { LaidOutPrompt } from "./prompt-layout.ts";

/** A greedy answer to a laid-out prompt, as trimmed text. Used to score; serving streams instead. */
export async function generateAnswer(
  generator: Generator,
  prompt: LaidOutPrompt,
  options: {
    readonly conditioning?: Conditioning | undefined;
    readonly maxTokens: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  const { model } = generator;
  const conditioning = prompt.takesPrompt ? options.conditioning : undefined;
  const tokens = generator.generate(
    {
      prefixIds: prompt.prefixIds,
      ids: prompt.ids,
      ...(conditioning ? { conditioning } : {}),
      maxTokens: options.maxTokens,
      stopIds: model.stopIds,
      sampling: GREEDY,
    },
    options.signal,
  );
  const ids: number[] = [];
  for await (const { id } of tokens) ids.push(id);
  return model.tokenizer.decode(ids, { skipSpecial: true }).trim();
}
