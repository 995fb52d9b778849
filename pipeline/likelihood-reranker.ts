import type { Generator } from "../generator/index.ts";
import { layOutQuestion } from "../ptuning/index.ts";
import type { Reranker } from "../retriever/index.ts";

/**
 * Says how well passages fit a question by how likely the generator finds the question behind each: mean log probability of its tokens. It needs
 * no other model, and what was read of a passage is kept for the next question and for the answer.
 * @see Sachan et al., arXiv 2204.07496 (unsupervised passage re-ranking with question generation)
 */
export const likelihoodReranker =
  (generator: Generator): Reranker =>
  (question, passages, signal) => {
    const { contextLength: maxTokens, model } = generator;
    const laidOut = passages.map((passage) =>
      layOutQuestion(model, { question, passage, maxTokens }),
    );
    const [first] = laidOut;
    if (!first) return Promise.resolve([]);
    const prefixes = laidOut.map(({ prefixIds }) => prefixIds);
    return generator.scoreBehind({ prefixes, ids: first.questionIds }, signal);
  };
