import type { LearnedPrompt } from "../../ptuning/index.ts";

type Asked = Pick<LearnedPrompt, "about">;

const learnedPassages = ({ about }: Asked): number => about.training.passagesMax;

/** The passages that all arms read where nothing else is asked for, so that they can be compared: as many as any prompt learned with. */
export const mostPassages = (prompts: readonly Asked[]): number | undefined =>
  prompts.length === 0 ? undefined : Math.max(...prompts.map(learnedPassages));

/** What is to be said where prompts learned with different numbers of passages, which `ask` and `serve` would give each of them. */
export function differentPassages(prompts: readonly Asked[]): string | undefined {
  if (new Set(prompts.map(learnedPassages)).size < 2) return undefined;
  const each = prompts.map((prompt) => `"${prompt.about.name}" ${learnedPassages(prompt)}`);
  return `the prompts learned with different numbers of passages (${each.join(", ")}), but all arms read ${mostPassages(prompts)} here, so that they can be compared; evaluate them apart for what each does by itself, or give --k.`;
}
