/** Scores of one answer or their mean over questions; both 0 to 100, as the SQuAD script prints them. */
export interface AnswerScore {
  /** Exact match after normalisation: 0 or 100 for one answer. */
  readonly em: number;
  /** F1 of the normalised words. */
  readonly f1: number;
}

const PUNCTUATION = /[!-/:-@[-`{-~]/g; // Python's string.punctuation
// Word borders as in Python, where an accented or Korean letter is part of a word too.
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
// Python's split() also takes the four separators of ASCII for spaces, which Unicode does not.
const SEPARATORS = `${String.fromCharCode(0x1c)}-${String.fromCharCode(0x1f)}`;
const SPACES = new RegExp(`[\\p{White_Space}${SEPARATORS}]+`, "u");

/**
 * The normalised words of an answer: lower-cased, without ASCII punctuation and the articles a, an, the.
 * @see SQuAD evaluate-v2.0.py, normalize_answer
 */
export function answerWords(text: string): readonly string[] {
  return text
    .toLowerCase()
    .replace(PUNCTUATION, "")
    .replace(ARTICLES, " ")
    .split(SPACES)
    .filter((word) => word !== "");
}

/**
 * EM and F1 against the closest accepted answer. No answer, or only answers without words, means that the right
 * answer is none: then an empty prediction scores 100 and any other 0.
 * @see SQuAD evaluate-v2.0.py, get_raw_scores
 */
export function scoreAnswer(prediction: string, answers: readonly string[]): AnswerScore {
  const predicted = answerWords(prediction);
  const accepted = answers.map(answerWords).filter((words) => words.length > 0);
  const targets = accepted.length > 0 ? accepted : [[]];
  return {
    em: Math.max(...targets.map((target) => exactMatch(predicted, target))),
    f1: Math.max(...targets.map((target) => wordF1(predicted, target))),
  };
}

/** The mean of both scores; 0 for no questions. */
export function meanScore(scores: readonly AnswerScore[]): AnswerScore {
  const mean = (pick: (score: AnswerScore) => number) =>
    scores.reduce((sum, score) => sum + pick(score), 0) / Math.max(1, scores.length);
  return { em: mean((score) => score.em), f1: mean((score) => score.f1) };
}

function exactMatch(predicted: readonly string[], target: readonly string[]): number {
  return predicted.join(" ") === target.join(" ") ? 100 : 0;
}

function wordF1(predicted: readonly string[], target: readonly string[]): number {
  if (predicted.length === 0 || target.length === 0) return exactMatch(predicted, target);
  const left = new Map<string, number>();
  for (const word of target) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of predicted) {
    const count = left.get(word) ?? 0;
    if (count > 0) shared++;
    left.set(word, count - 1);
  }
  return (200 * shared) / (predicted.length + target.length);
}
