/**
 * Seeded pseudo-random numbers (sfc32), the same on every machine. The state can be saved and restored, so a
 * resumed run continues the same sequence.
 * @see PractRand "sfc" by Chris Doty-Humphrey (public domain)
 */
export class Random {
  #state: Uint32Array;
  #spareNormal: number | undefined;

  /** `seed`: any integer; its low 32 bits are used. */
  constructor(seed: number) {
    this.#state = Uint32Array.of(seed >>> 0, 0x9e3779b9, 0x243f6a88, 1);
    for (let i = 0; i < 15; i++) this.#next32();
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number {
    return this.#next32() / 2 ** 32;
  }

  /** Uniform integer in [0, end). */
  integer(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** A new array with the same items in random order (Fisher-Yates). */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }

  /** What {@link Random.restore} needs to continue this sequence; plain JSON. */
  save(): RandomState {
    return { words: [...this.#state], spareNormal: this.#spareNormal ?? null };
  }

  static restore(saved: RandomState): Random {
    const random = new Random(0);
    random.#state = Uint32Array.from(saved.words);
    random.#spareNormal = saved.spareNormal ?? undefined;
    return random;
  }

  #next32(): number {
    const s = this.#state;
    const [a, b, c, counter] = [s[0]!, s[1]!, s[2]!, s[3]!];
    const out = (a + b + counter) >>> 0;
    s[3] = counter + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + out;
    return out;
  }
}

export interface RandomState {
  readonly words: readonly number[];
  readonly spareNormal: number | null;
}
