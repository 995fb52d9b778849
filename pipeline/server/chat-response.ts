import type { Answer, ScoredToken, TokenScore } from "../answerer.ts";
import type { Passage } from "../passage.ts";
import type { Choice } from "./choices.ts";
import { type ResponseHead, usageOf } from "./response-parts.ts";

/** What of an answer's making goes with it. */
export interface EvidenceOptions {
  /** The documents were asked: then a client finds the lists even where they are empty. */
  readonly isRetrieval: boolean;
  /** Every passage, used or not, the search, and the times. */
  readonly isFull: boolean;
}

/** `chat.completion`. */
export function chatCompletion(
  head: ResponseHead,
  choices: readonly Choice<Answer>[],
  { isScored, ...options }: EvidenceOptions & { readonly isScored: boolean },
) {
  return {
    ...head,
    object: "chat.completion",
    choices: choices.map(({ whole: answer, tokens }, index) => ({
      index,
      message: {
        role: "assistant",
        content: shownText(answer),
        refusal: null,
        ...evidence(answer, options),
      },
      logprobs: logProbabilities(isScored ? tokens : undefined),
      finish_reason: answer.finishReason,
    })),
    usage: usageOf(choices.map(({ whole }) => whole.usage)),
  };
}

/** The answer, or why there is none. */
export const shownText = ({ abstention, answer }: Answer): string => abstention?.message ?? answer;

/** `chat.completion.chunk` for one choice. With `include_usage` every chunk says `usage: null`. */
export function chatChunk(
  head: ResponseHead,
  choice: {
    readonly index: number;
    readonly delta: object;
    readonly finishReason?: string;
    readonly tokens?: readonly ScoredToken[] | undefined;
  },
  includesUsage: boolean,
) {
  const { index, delta, finishReason, tokens } = choice;
  return {
    ...head,
    object: "chat.completion.chunk",
    choices: [
      { index, delta, logprobs: logProbabilities(tokens), finish_reason: finishReason ?? null },
    ],
    ...(includesUsage && { usage: null }),
  };
}

/** The chunk after all others, with `include_usage`. */
export const usageChunk = (head: ResponseHead, answers: readonly Answer[]) => ({
  ...head,
  object: "chat.completion.chunk",
  choices: [],
  usage: usageOf(answers.map(({ usage }) => usage)),
});

/** The passages behind an answer, as OpenAI's annotations and as Azure's `context`. */
export function evidence(answer: Answer, { isRetrieval, isFull }: EvidenceOptions) {
  const { citations, abstention } = answer;
  if (!isRetrieval && !abstention && !isFull) return {};
  return {
    annotations: citations.map(({ source, title }) => ({
      type: "url_citation",
      url_citation: { url: source, title, start_index: 0, end_index: answer.answer.length },
    })),
    context: {
      citations: citations.map(citationOf),
      ...(abstention && { abstention }),
      ...(isFull && fullEvidence(answer)),
    },
  };
}

function fullEvidence({ passages, citations, prompt, query, timings }: Answer) {
  const cited = new Set(citations.map(({ id }) => id));
  return {
    passages: passages.map((passage) => ({
      ...citationOf(passage),
      document_id: passage.documentId,
      heading: passage.heading,
      similarity: passage.similarity ?? null,
      used: passage.used,
      cited: cited.has(passage.id),
    })),
    prompt,
    query: query ?? null,
    timings,
  };
}

const citationOf = ({ text, title, source, id, page, start, end, score }: Passage) => ({
  content: text,
  title,
  url: /^https?:/.test(source) ? source : null,
  filepath: source,
  chunk_id: id,
  page: page ?? null,
  start,
  end,
  score,
});

function logProbabilities(tokens: readonly ScoredToken[] | undefined) {
  if (tokens === undefined) return null;
  const content = tokens.map((token) => ({
    ...scored(token),
    top_logprobs: token.top.map(scored),
  }));
  return { content, refusal: null };
}

const scored = ({ text, bytes, logProbability }: TokenScore) => ({
  token: text,
  logprob: logProbability,
  bytes,
});
