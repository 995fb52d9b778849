import { RagError } from "../../core/index.ts";
import { type LearnedPrompt, type QaPair, type Task, taskOfPairs } from "../../ptuning/index.ts";

const MEANING: Readonly<Record<Task, string>> = {
  question: "questions that are answered from passages",
  input: "inputs that stand alone",
};

/**
 * Refuses to score a prompt on what it was not trained for: its template has no place for it, so that the model would be asked something
 * else or nothing. `source`: what the pairs are called.
 * @throws RagError config/invalid naming both
 */
export function requireTask(
  { about }: Pick<LearnedPrompt, "about">,
  pairs: readonly QaPair[],
  source: string,
): void {
  const { name, task = "question" } = about;
  const asked = taskOfPairs(pairs);
  if (task === asked) return;
  throw new RagError(
    "config/invalid",
    `prompt "${name}": it was trained for ${MEANING[task]}, but ${source} holds ${MEANING[asked]}; choose another prompt (--arms), or pairs of its kind.`,
    { param: "arms" },
  );
}
