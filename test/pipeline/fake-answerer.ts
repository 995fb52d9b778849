import { RagError } from "../../core/index.ts";
import type {
  Answer,
  Answerer,
  AnswerRequest,
  Completion,
  CompletionRequest,
  EngineStatus,
  ScoredToken,
  TextPiece,
} from "../../pipeline/answerer.ts";

const PASSAGE = {
  id: 7,
  documentId: "tides.md",
  title: "Tides",
  source: "tides.md",
  page: 2,
  start: 10,
  end: 31,
  heading: [],
  text: "High water is at noon.",
  score: 0.5,
};

export interface FakeOptions {
  readonly pieces?: readonly string[];
  /** Thrown before the piece of this number. */
  readonly failAt?: number;
  readonly failure?: unknown;
  /** Of the passage that is cited. */
  readonly passage?: { readonly title: string; readonly text: string; readonly source: string };
  /** The answer cites nothing. */
  readonly isUncited?: boolean;
  /** Waited for before every piece but the first. */
  readonly gate?: (signal?: AbortSignal) => Promise<void>;
}

/** Answers with given pieces, without any model, and remembers what it was asked. */
export class FakeAnswerer implements Answerer {
  readonly requests: AnswerRequest[] = [];
  readonly completions: CompletionRequest[] = [];
  readonly embedded: string[] = [];
  /** With which each answer could be stopped. */
  readonly signals: AbortSignal[] = [];
  /** Settles when an answer was stopped before its end. */
  readonly stopped: Promise<void>;
  readonly #options: FakeOptions;
  #resolveStopped = () => {};

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  async *answer(request: AnswerRequest, signal?: AbortSignal): AsyncGenerator<TextPiece, Answer> {
    this.requests.push(request);
    if (signal) this.signals.push(signal);
    const { pieces = ["at", " noon"], failAt, failure, gate } = this.#options;
    let isComplete = false;
    try {
      for (const [index, text] of pieces.entries()) {
        if (index > 0) await gate?.(signal);
        signal?.throwIfAborted();
        if (index === failAt) throw failure;
        yield {
          text,
          tokens: request.logProbabilities ? [scoredText(text, -0.25)] : [],
        };
      }
      isComplete = true;
      const { passage, isUncited } = this.#options;
      const answer = answerOf(request, pieces.join(""), { ...PASSAGE, ...passage });
      return isUncited ? { ...answer, citations: [] } : answer;
    } finally {
      if (!isComplete) this.#resolveStopped();
    }
  }

  async *complete(request: CompletionRequest): AsyncGenerator<TextPiece, Completion> {
    this.completions.push(request);
    const { top: _, ...other } = scoredText("x", -0.5);
    const scored = (text: string) => ({ ...scoredText(text, -0.5), top: [other] });
    const promptText = typeof request.prompt === "string" ? request.prompt : "";
    const words = promptText.split(/(?<= )/);
    const text = request.maxTokens > 0 ? " more" : "";
    if (text !== "") yield { text, tokens: request.logProbabilities ? [scored(text)] : [] };
    return {
      promptText,
      promptTokens: request.scorePrompt
        ? words.map((word, index) => ({
            ...scored(word),
            ...(index === 0 && { logProbability: Number.NaN }),
          }))
        : [],
      text,
      finishReason: "length",
      usage: { promptTokens: words.length, cachedTokens: 0, completionTokens: 1 },
      timings: { prefillMs: 1, decodeMs: 1 },
    };
  }

  engineStatus(): Promise<EngineStatus | undefined> {
    return Promise.resolve(ENGINE_STATUS);
  }

  promptNames(): Promise<readonly string[]> {
    return Promise.resolve(["handbook"]);
  }

  embeddingDimension(): Promise<number> {
    return Promise.resolve(2);
  }

  embed(texts: readonly string[]) {
    this.embedded.push(...texts);
    return Promise.resolve({
      model: "fake",
      vectors: texts.map((_, index) => Float32Array.of(index, 0.5)),
      tokens: texts.length * 3,
    });
  }
}

const scoredText = (text: string, logProbability: number): ScoredToken => ({
  text,
  bytes: [...Buffer.from(text)],
  logProbability,
  top: [],
});

/** Of an engine that answers two and has read passages before. */
const ENGINE_STATUS: EngineStatus = {
  running: 2,
  waiting: 1,
  maxSequences: 8,
  sequenceBytes: 4096,
  passageCache: { bytes: 2048, maxBytes: 8192, hitTokens: 640, missedTokens: 128 },
  restarts: 1,
};

function answerOf(request: AnswerRequest, answer: string, passage: typeof PASSAGE): Answer {
  return {
    answer,
    abstained: answer === "",
    ...(answer === "" && {
      abstention: { reason: "no-answer", message: "The documents do not seem to answer this." },
    }),
    prompt: request.prompt ?? null,
    passages: [{ ...passage, used: true }],
    citations: request.mode === "retrieval" && answer !== "" ? [passage] : [],
    finishReason: "stop",
    usage: { promptTokens: 40, cachedTokens: 30, completionTokens: 2 },
    timings: { retrievalMs: 1, prefillMs: 2, decodeMs: 3, totalMs: 6 },
  };
}

export const overflow = () =>
  new RagError(
    "context/overflow",
    "This model's maximum context length is 100 tokens, however 120.",
    {
      param: "messages",
    },
  );
