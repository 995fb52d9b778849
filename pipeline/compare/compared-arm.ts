import { Random } from "../../core/index.ts";
import { loadPrompt, type QaPair, withFirstTokens } from "../../ptuning/index.ts";
import { type Arm, handArm, learnedArm, plainRag, withoutRetrieval } from "../evaluation/arms.ts";
import { BEST_HAND_PROMPT } from "../evaluation/hand-prompts.ts";
import type { EvaluationCell } from "./cells.ts";

/** How a cell answers. `trained`: the prompt of an arm that is trained. @throws RagError prompt/* */
export async function comparedArm(
  { arm, seed, tokens }: EvaluationCell,
  trainPairs: readonly QaPair[],
  trained: { readonly storeFolder: string; readonly prompt: string } | undefined,
): Promise<Arm> {
  switch (arm.kind) {
    case "no-retrieval":
      return withoutRetrieval;
    case "majority":
      return { ...withoutRetrieval, fixedAnswer: commonestAnswer(trainPairs) };
    case "rag":
      return plainRag;
    case "hand":
      return handArm(arm.text ?? BEST_HAND_PROMPT);
    case "few-shot":
      return handArm(fewShotText(trainPairs, arm.examples, seed));
    default: {
      const learned = await loadPrompt(trained!.storeFolder, trained!.prompt);
      return learnedArm(tokens === "all" ? learned : withFirstTokens(learned, tokens));
    }
  }
}

/** What a method must beat to have learned more than the form: of answers as frequent, the first. */
function commonestAnswer(pairs: readonly QaPair[]): string {
  const counts = new Map<string, number>();
  for (const { answers } of pairs) {
    const answer = answers[0] ?? "";
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0])[0];
}

/** Training pairs as examples of the form, drawn by the seed. */
function fewShotText(pairs: readonly QaPair[], count: number, seed: number): string {
  const drawn = new Random(seed).shuffle(pairs).slice(0, count);
  const examples = drawn.map(
    ({ question, answers }) => `Question: ${question}\nAnswer: ${answers[0]}`,
  );
  return [
    "Answer from the passages in the same form as these examples:",
    ...examples,
    "Now answer the next question in the same form.",
  ].join("\n\n");
}
