import { type Conditioning, type Generator, GREEDY } from "../generator/index.ts";
import type { LaidOutPrompt } from "./prompt-layout.ts";

/** A greedy answer to a laid-out prompt, as trimmed text. Used to score; serving streams instead. */
export async function generateAnswer(
  generator: Generator,
  prompt: LaidOutPrompt,
  options: {
    readonly conditioning?: Conditioning | undefined;
    readonly maxTokens: number;
    /** For the same prompt to come again in the same training. */
    readonly keepsPrefix?: boolean;
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
      ...(options.keepsPrefix ? { keepsPrefix: true } : {}),
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

/** Answers that are generated together: a decoding step costs little more for several sequences than for one. */
export const ANSWERS_AT_ONCE = 8;

/**
 * Runs `answer` for every item, {@link ANSWERS_AT_ONCE} at a time, and returns the answers in the items' order. After a failure no
 * further one is begun.
 */
export async function answerTogether<Item, Answer>(
  items: readonly Item[],
  answer: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const answerSome = async () => {
    while (next < items.length) {
      const index = next++;
      try {
        answers[index] = await answer(items[index]!);
      } catch (thrown) {
        next = items.length;
        throw thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: ANSWERS_AT_ONCE }, answerSome));
  return answers;
}
