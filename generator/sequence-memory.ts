import { floats, type Tensor } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import { pastNames } from "./inference-graph.ts";
import { BLOCKED } from "./masks.ts";

/** Rows that the memory grows by at a time. */
const STEP_ROWS = 128;

/**
 * Keys, values and masks of the sequences decoded together. Sequences stand in slots 0 … count − 1 without gaps, so that a run
 * reads the first slots in place: per layer f32 [slots, KV heads, 1, capacity, D] each for keys and values.
 */
export class SequenceMemory {
  readonly #config: DecoderConfig;
  readonly #names: readonly string[];
  readonly #lengths: number[] = [];
  /** Of each slot, also of one that is free: the rows that may be other than 0. */
  #used: number[] = [];
  #tensors: readonly Float32Array[];
  #mask = new Float32Array(0);
  #slots = 0;
  #capacity = 0;
  #feeds: Readonly<Record<string, Tensor>> | undefined;

  constructor(config: DecoderConfig) {
    this.#config = config;
    this.#names = Array.from({ length: config.layers }, (_, layer) => pastNames(layer)).flatMap(
      ({ key, value }) => [key, value],
    );
    this.#tensors = this.#names.map(() => new Float32Array(0));
  }

  /** Sequences in memory. */
  get count(): number {
    return this.#lengths.length;
  }

  get byteLength(): number {
    return this.#tensors.reduce((sum, { byteLength }) => sum + byteLength, this.#mask.byteLength);
  }

  /** Rows filled of one slot. */
  lengthOf(slot: number): number {
    return this.#lengths[slot]!;
  }

  /** Takes a sequence in: rows f32 [layers · 2 · KV heads, stride, D], of which `length` are filled. Returns its slot. */
  join(rows: {
    readonly data: Float32Array;
    readonly stride: number;
    readonly length: number;
  }): number {
    const slot = this.#lengths.push(0) - 1;
    this.#reserve(slot + 1, rows.length + 1);
    // Who had the slot before may have been longer.
    this.#fillMask(slot);
    this.#write(slot, rows.data, rows.stride, rows.length);
    this.#clearBehind(slot);
    this.#feeds = undefined;
    return slot;
  }

  /** Takes in what a run added, f32 [count, layers · 2 · KV heads, 1, D]: one row for every sequence. */
  append(added: Float32Array): void {
    this.#reserve(this.count, Math.max(...this.#lengths) + 1);
    const perSequence = added.length / this.count;
    for (let slot = 0; slot < this.count; slot++) {
      this.#write(slot, added.subarray(slot * perSequence, (slot + 1) * perSequence), 1, 1);
    }
  }

  /** Frees a slot. The last sequence moves there; returns the slot that it left. */
  leave(slot: number): number {
    const last = this.count - 1;
    const { keyValueHeads, headDimension } = this.#config;
    const head = this.#capacity * headDimension;
    if (slot !== last) {
      const size = this.#lengths[last]! * headDimension;
      for (const tensor of this.#tensors) {
        for (let index = 0; index < keyValueHeads; index++) {
          const from = (last * keyValueHeads + index) * head;
          tensor.copyWithin((slot * keyValueHeads + index) * head, from, from + size);
        }
      }
      this.#lengths[slot] = this.#lengths[last]!;
      this.#fillMask(slot);
      this.#clearBehind(slot);
    }
    this.#lengths.pop();
    this.#feeds = undefined;
    this.#shrink();
    return last;
  }

  /** What a run over all sequences reads: the past, and the mask f32 [count, 1, 1, capacity + 1]. */
  feeds(): Readonly<Record<string, Tensor>> {
    this.#feeds ??= this.#viewFeeds();
    return this.#feeds;
  }

  #viewFeeds(): Record<string, Tensor> {
    const { keyValueHeads, headDimension } = this.#config;
    const shape = [this.count, keyValueHeads, 1, this.#capacity, headDimension];
    const size = this.count * keyValueHeads * this.#capacity * headDimension;
    const columns = this.#capacity + 1;
    return {
      ...Object.fromEntries(
        this.#names.map((name, index) => [
          name,
          floats(this.#tensors[index]!.subarray(0, size), shape),
        ]),
      ),
      mask: floats(this.#mask.subarray(0, this.count * columns), [this.count, 1, 1, columns]),
    };
  }

  #write(slot: number, data: Float32Array, stride: number, count: number): void {
    const { keyValueHeads, headDimension } = this.#config;
    const start = this.#lengths[slot]!;
    const size = count * headDimension;
    for (const [index, tensor] of this.#tensors.entries()) {
      for (let head = 0; head < keyValueHeads; head++) {
        const from = (index * keyValueHeads + head) * stride * headDimension;
        const to = ((slot * keyValueHeads + head) * this.#capacity + start) * headDimension;
        if (count === 1) for (let i = 0; i < size; i++) tensor[to + i] = data[from + i]!;
        else tensor.set(data.subarray(from, from + size), to);
      }
    }
    this.#lengths[slot] = start + count;
    this.#used[slot] = Math.max(this.#used[slot] ?? 0, start + count);
    this.#mask.fill(
      0,
      slot * (this.#capacity + 1) + start,
      slot * (this.#capacity + 1) + start + count,
    );
  }

  /**
   * Zeros where the sequence before left rows behind those of this one. The mask is added to scores and weighs values with 0: rows that
   * are no numbers, or keys with huge ones, would come through it.
   */
  #clearBehind(slot: number): void {
    const { keyValueHeads, headDimension } = this.#config;
    const [start, end] = [this.#lengths[slot]!, this.#used[slot] ?? 0];
    for (let head = 0; head < keyValueHeads && start < end; head++) {
      const row = (slot * keyValueHeads + head) * this.#capacity;
      const [from, to] = [(row + start) * headDimension, (row + end) * headDimension];
      for (const tensor of this.#tensors) tensor.fill(0, from, to);
    }
    this.#used[slot] = start;
  }

  #reserve(slots: number, rows: number): void {
    if (slots <= this.#slots && rows <= this.#capacity) return;
    const capacity = Math.max(this.#capacity, Math.ceil(rows / STEP_ROWS) * STEP_ROWS);
    // Twice as many, so that newcomers one after the other do not copy everything each time.
    const room = slots <= this.#slots ? this.#slots : Math.max(slots, 2 * this.#slots);
    this.#resize(room, capacity);
  }

  /** One long sequence must not make the short ones that outlive it pay for its room. */
  #shrink(): void {
    const rows = this.count === 0 ? 0 : Math.max(...this.#lengths) + 1;
    const capacity = Math.ceil(rows / STEP_ROWS) * STEP_ROWS;
    if (capacity * 2 <= this.#capacity) this.#resize(this.count, capacity);
  }

  #resize(slots: number, capacity: number): void {
    const { keyValueHeads, headDimension } = this.#config;
    const [before, after] = [this.#capacity * headDimension, capacity * headDimension];
    this.#tensors = this.#tensors.map((old) => {
      const grown = new Float32Array(slots * keyValueHeads * after);
      for (const [slot, length] of this.#lengths.entries()) {
        for (let head = 0; head < keyValueHeads && length > 0; head++) {
          const from = (slot * keyValueHeads + head) * before;
          const rows = old.subarray(from, from + length * headDimension);
          grown.set(rows, (slot * keyValueHeads + head) * after);
        }
      }
      return grown;
    });
    this.#used = [...this.#lengths];
    this.#slots = slots;
    this.#capacity = capacity;
    this.#mask = new Float32Array(slots * (capacity + 1));
    for (let slot = 0; slot < slots; slot++) this.#fillMask(slot);
    this.#feeds = undefined;
  }

  /** The past of a slot as far as it is filled, and the new token, which stands behind the capacity. */
  #fillMask(slot: number): void {
    const start = slot * (this.#capacity + 1);
    this.#mask.fill(0, start, start + (this.#lengths[slot] ?? 0));
    this.#mask.fill(BLOCKED, start + (this.#lengths[slot] ?? 0), start + this.#capacity);
    this.#mask[start + this.#capacity] = 0;
  }
}
