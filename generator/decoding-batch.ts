import type { DecoderConfig } from "./config.ts";
import type { DecoderRuns } from "./decoder-runs.ts";
import { deepRows } from "./deep-rows.ts";
import { KeyValueCache } from "./key-value-cache.ts";
import { BLOCK_TOKENS } from "./prefix-cache.ts";
import type { PrefixReader } from "./prefix-reader.ts";
import type { Sequence } from "./sequence.ts";
import { SequenceMemory } from "./sequence-memory.ts";
import { yieldToMessages } from "./yield-to-messages.ts";

/** Rounds of prefill between two steps of those who are being answered: their streams go on while a newcomer's prompt is read. */
const PIECES_PER_STEP = 1;

/**
 * Continuous batching: sequences join and leave between steps. Each round reads a piece of one newcomer's prompt, then gives every
 * running sequence its next token.
 * @see Yu et al., Orca, OSDI 2022 (iteration-level scheduling)
 */
export class DecodingBatch {
  readonly #config: DecoderConfig;
  readonly #runs: DecoderRuns;
  readonly #prefixes: PrefixReader;
  readonly #maxSequences: number;
  readonly #memory: SequenceMemory;
  /** Of slot i: running[i]. */
  readonly #running: Sequence[] = [];
  readonly #waiting: Sequence[] = [];
  #newcomer:
    | { readonly sequence: Sequence; readonly reading: AsyncGenerator<void, void> }
    | undefined;
  #isWorking = false;
  #loop: Promise<void> | undefined;

  constructor(
    config: DecoderConfig,
    runs: DecoderRuns,
    options: { readonly prefixes: PrefixReader; readonly maxSequences: number },
  ) {
    this.#config = config;
    this.#runs = runs;
    this.#prefixes = options.prefixes;
    this.#maxSequences = options.maxSequences;
    this.#memory = new SequenceMemory(config);
  }

  get load(): {
    readonly running: number;
    readonly waiting: number;
    readonly sequenceBytes: number;
  } {
    return {
      running: this.#running.length,
      waiting: this.#waiting.length + (this.#newcomer ? 1 : 0),
      sequenceBytes: this.#memory.byteLength,
    };
  }

  /** Lines a sequence up; it is read through {@link Sequence.tokens}. */
  add(sequence: Sequence): void {
    this.#waiting.push(sequence);
    // A promise tells the end of the loop only some microtasks later: whoever came in between would wait for nobody.
    if (!this.#isWorking) this.#loop = this.#work();
  }

  /** Fails everything under way and waits until the thread is free of it. */
  async close(error: unknown): Promise<void> {
    for (const sequence of [...this.#running, ...this.#waiting]) sequence.fail(error);
    this.#newcomer?.sequence.fail(error);
    await this.#loop;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    try {
      for (;;) {
        this.#dropFinished();
        this.#admit();
        if (!this.#newcomer && this.#running.length === 0) return;
        for (let i = 0; i < PIECES_PER_STEP && this.#newcomer; i++) await this.#readPiece();
        if (this.#running.length > 0) await this.#step();
        await yieldToMessages();
      }
    } finally {
      this.#isWorking = false;
    }
  }

  #dropFinished(): void {
    for (let slot = this.#running.length - 1; slot >= 0; slot--) {
      if (!this.#running[slot]!.isOver) continue;
      const moved = this.#memory.leave(slot);
      this.#running[slot] = this.#running[moved]!;
      this.#running.length = moved;
    }
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      if (this.#waiting[i]!.isOver) this.#waiting.splice(i, 1);
    }
    if (this.#newcomer?.sequence.isOver) this.#newcomer = undefined;
  }

  #admit(): void {
    if (this.#newcomer || this.#running.length >= this.#maxSequences) return;
    const sequence = this.#waiting.shift();
    if (sequence) this.#newcomer = { sequence, reading: this.#read(sequence) };
  }

  async #readPiece(): Promise<void> {
    const { sequence, reading } = this.#newcomer!;
    try {
      const { done } = await reading.next();
      if (done) this.#newcomer = undefined;
    } catch (error) {
      sequence.fail(error);
      this.#newcomer = undefined;
    }
  }

  /** Reads a prompt, giving way after each piece; then the sequence runs with the others. */
  async *#read(sequence: Sequence): AsyncGenerator<void, void> {
    const { prefixIds, prefixRows, conditioning, ids } = sequence.request;
    const cache = new KeyValueCache(this.#config, sequence.promptTokens);
    if (prefixRows) {
      cache.append(prefixRows);
      sequence.cachedTokens = prefixRows.count;
    } else {
      sequence.cachedTokens = yield* this.#prefixes.read(prefixIds, cache);
    }
    if (conditioning?.kind === "deep") {
      cache.append(deepRows(conditioning, this.#config, prefixIds.length));
    }
    let virtual = conditioning?.kind === "virtual" ? conditioning : undefined;
    let start = 0;
    for (; ids.length - start > BLOCK_TOKENS; start += BLOCK_TOKENS) {
      const piece = ids.slice(start, start + BLOCK_TOKENS);
      cache.append((await this.#runs.piece({ ids: piece, cache, virtual })).added);
      virtual = undefined;
      yield;
    }
    const last = { ids: ids.slice(start), cache, virtual };
    const { added, scores } = await this.#runs.piece({ ...last, asked: sequence.asked });
    if (!sequence.accept(scores!)) {
      const asked = { ...sequence.asked, needed: "logits" as const };
      const whole = await this.#runs.piece({ ...last, asked });
      sequence.accept({ ...scores!, ...whole.scores! });
    }
    if (sequence.isOver) return;
    cache.append(added);
    this.#memory.join({ data: cache.rows(), stride: cache.length, length: cache.length });
    this.#running.push(sequence);
  }

  async #step(): Promise<void> {
    const sequences = [...this.#running];
    try {
      const tokens = sequences.map(({ lastToken }) => lastToken);
      const asked = sequences.map((sequence) => sequence.asked);
      const { added, scores } = await this.#runs.step(this.#memory, tokens, asked);
      const undecided = sequences.map((sequence, slot) => !sequence.accept(scores[slot]!));
      if (undecided.includes(true)) {
        const all = asked.map((one, slot) =>
          undecided[slot] ? { ...one, needed: "logits" as const } : one,
        );
        const again = await this.#runs.step(this.#memory, tokens, all);
        for (const [slot, sequence] of sequences.entries()) {
          if (undecided[slot]) sequence.accept({ ...scores[slot]!, ...again.scores[slot]! });
        }
      }
      this.#memory.append(added);
    } catch (error) {
      for (const sequence of sequences) sequence.fail(error);
    }
  }
}
