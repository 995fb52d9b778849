import type { Answer, ScoredToken } from "../answerer.ts";
import type { Passage } from "../passage.ts";

/** What all parts of one response share. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** A complete answer and the tokens that were scored on the way. */
export interface Choice {
  readonly answer: Answer;
  readonly tokens: readonly ScoredToken[] | undefined;
}

/** Said instead of an answer when there is none: an empty message looks like a broken server. */
export const ABSTENTION = "The documents do not seem to answer this.";

/** `chat.completion`. */
export function chatCompletion(head: ResponseHead, choices: readonly Choice[]) {
  return {
    ...head,
    object: "chat.completion",
    choices: choices.map(({ answer, tokens }, index) => ({
      index,
      message: {
        role: "assistant",
        content: answer.abstained ? ABSTENTION : answer.answer,
        refusal: null,
        ...evidence(answer),
      },
      logprobs: logProbabilities(tokens),
      finish_reason: answer.finishReason,
    })),
    usage: usageOf(choices.map(({ answer }) => answer)),
  };
}

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
  usage: usageOf(answers),
});

/** The passages behind an answer, as OpenAI's annotations and as Azure's `context`. */
export function evidence({ citations, answer }: Answer) {
  if (citations.length === 0) return {};
  return {
    annotations: citations.map(({ source, title }) => ({
      type: "url_citation",
      url_citation: { url: source, title, start_index: 0, end_index: answer.length },
    })),
    context: { citations: citations.map(citationOf) },
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

/** The prompt counts once, however many answers were made of it. */
function usageOf(answers: readonly Answer[]) {
  const [first] = answers;
  const prompt = first?.usage.promptTokens ?? 0;
  const completion = answers.reduce((sum, { usage }) => sum + usage.completionTokens, 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: first?.usage.cachedTokens ?? 0 },
  };
}

function logProbabilities(tokens: readonly ScoredToken[] | undefined) {
  if (tokens === undefined) return null;
  const content = tokens.map(({ text, logProbability }) => ({
    token: text,
    logprob: logProbability,
    bytes: [...Buffer.from(text)],
    top_logprobs: [],
  }));
  return { content, refusal: null };
}
