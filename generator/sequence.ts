import { RagError } from "../core/index.ts";
import type { RowScores, ScoresAsked } from "./decoder-runs.ts";
import type {
  GeneratedToken,
  GenerationRequest,
  GenerationSummary,
  PromptReading,
} from "./generation.ts";
import type { CacheRows } from "./key-value-cache.ts";
import { logSumExpOf, TokenChooser } from "./sampling.ts";

/** A request, with the keys and values of its prefix where somebody has them. */
export interface PreparedRequest extends GenerationRequest {
  readonly prefixRows?: CacheRows | undefined;
}

/** One request on its way through the batch: what it has been given, and where its reader waits. */
export class Sequence {
  readonly request: PreparedRequest;
  readonly promptTokens: number;
  /** Tokens of the prefix that were in the cache. */
  cachedTokens = 0;
  readonly #signal: AbortSignal | undefined;
  readonly #chooser: TokenChooser;
  readonly #arrived: GeneratedToken[] = [];
  readonly #started = performance.now();
  #decodeStarted = 0;
  #count = 0;
  #last = 0;
  #summary: GenerationSummary | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isAbandoned = false;
  #wake = () => {};

  constructor(request: PreparedRequest, promptTokens: number, signal: AbortSignal | undefined) {
    this.request = request;
    this.promptTokens = promptTokens;
    this.#signal = signal;
    this.#chooser = new TokenChooser(request.sampling);
    signal?.addEventListener("abort", () => this.#wake(), { once: true });
  }

  /** Nobody reads any more, or all is said: its place can be given away. */
  get isOver(): boolean {
    return (
      this.#isAbandoned ||
      this.#summary !== undefined ||
      this.#failure !== undefined ||
      this.#signal?.aborted === true
    );
  }

  /** The token that the next step reads. */
  get lastToken(): number {
    return this.#last;
  }

  get asked(): ScoresAsked {
    const { sampling, logProbabilities = false } = this.request;
    return { needed: this.#chooser.needed, logProbabilities, temperature: sampling.temperature };
  }

  /**
   * Takes the scores after its last token; false when they do not decide the next one and all logits are needed. Scores that are no
   * numbers fail it.
   */
  accept(scores: RowScores): boolean {
    if (this.#decodeStarted === 0) this.#decodeStarted = performance.now();
    const { maxTokens, stopIds } = this.request;
    const areKnown = areNumbers(scores);
    const id = areKnown ? this.#chooser.choose(scores) : undefined;
    if (id === undefined && areKnown !== false && !scores.logits) return false;
    if (id === undefined) {
      this.fail(noNumbers());
      return true;
    }
    if (stopIds.includes(id)) {
      this.#finish("stop");
      return true;
    }
    this.#last = id;
    this.#count++;
    const token = this.#describe(id, scores);
    this.#arrived.push(this.#count === 1 ? { ...token, reading: this.#reading } : token);
    if (this.#count >= maxTokens) this.#finish("length");
    this.#wake();
    return true;
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  /**
   * The tokens as they come; leaving the iteration gives the sequence up.
   * @throws what the sequence failed with, or the reason of its signal at once
   */
  async *tokens(): AsyncGenerator<GeneratedToken, GenerationSummary> {
    try {
      for (;;) {
        this.#signal?.throwIfAborted();
        const next = this.#arrived.shift();
        if (next) {
          yield next;
          continue;
        }
        if (this.#failure) throw this.#failure.error;
        if (this.#summary) return this.#summary;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#isAbandoned = true;
    }
  }

  get #reading(): PromptReading {
    return {
      cachedTokens: this.cachedTokens,
      prefillMs: this.#decodeStarted - this.#started,
    };
  }

  #finish(finishReason: "stop" | "length"): void {
    const now = performance.now();
    this.#summary = {
      promptTokens: this.promptTokens,
      ...this.#reading,
      completionTokens: this.#count,
      finishReason,
      decodeMs: now - this.#decodeStarted,
    };
    this.#wake();
  }

  #describe(id: number, { candidates, logits, logSum }: RowScores): GeneratedToken {
    const { logProbabilities, topLogProbabilities = 0 } = this.request;
    if (!logProbabilities) return { id };
    const known = candidates!;
    const total = logSum ?? logSumExpOf(logits!);
    const place = known.ids.indexOf(id);
    const logit = place >= 0 ? known.logits[place]! : logits![id]!;
    const alternatives = known.ids.slice(0, topLogProbabilities).map((other, index) => ({
      id: other,
      logProbability: known.logits[index]! - total,
    }));
    return {
      id,
      logProbability: logit - total,
      ...(topLogProbabilities > 0 ? { alternatives } : {}),
    };
  }
}

/**
 * Whether the scores of all tokens are numbers, or undefined when these do not tell: where nothing is a number, the place of the
 * largest is 0, which is a token too.
 */
function areNumbers({ best, logSum, logits }: RowScores): boolean | undefined {
  if (logits) {
    for (const logit of logits) if (!(logit < Number.POSITIVE_INFINITY)) return false;
    return true;
  }
  if (logSum !== undefined) return Number.isFinite(logSum);
  return best === 0 ? undefined : true;
}

const noNumbers = (): RagError =>
  new RagError(
    "engine/failed",
    "engine: the model's scores are no numbers: what it computes is larger than its number type holds; use another learned prompt or another model.",
  );
