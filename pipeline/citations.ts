import { answerWords } from "../ptuning/index.ts";
import { tellingWords } from "../retriever/index.ts";

/** Below this share of the answer's telling words, a passage is no evidence for it. */
const MIN_SHARED_WORDS = 0.5;

/**
 * The passages an answer can be checked against: those whose text contains it (after the normalisation of the scores), or
 * else the one that shares most of its telling words, at least half of them ("The answer is 1911" is checked by "answer" and "1911"). Their order
 * is kept.
 */
export function citedPassages<Passage extends { readonly text: string }>(
  answer: string,
  passages: readonly Passage[],
): readonly Passage[] {
  const words = answerWords(answer);
  if (words.length === 0) return [];
  const texts = passages.map((passage) => ({ passage, words: answerWords(passage.text) }));
  const wanted = ` ${words.join(" ")} `;
  const containing = texts.filter((text) => ` ${text.words.join(" ")} `.includes(wanted));
  if (containing.length > 0) return containing.map(({ passage }) => passage);
  const telling = tellingWords(words);
  let best: { readonly passage: Passage; readonly share: number } | undefined;
  for (const { passage, words: own } of texts) {
    const share = sharedWords(telling, new Set(own));
    if (share >= MIN_SHARED_WORDS && share > (best?.share ?? 0)) best = { passage, share };
  }
  return best ? [best.passage] : [];
}

function sharedWords(words: readonly string[], others: ReadonlySet<string>): number {
  const distinct = [...new Set(words)];
  return distinct.filter((word) => others.has(word)).length / distinct.length;
}
