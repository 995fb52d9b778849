import { Random } from "../../core/index.ts";
import {
  type Conditioning,
  Engine,
  type Model,
  TrainerEngine,
  type TrainingExample,
} from "../../generator/index.ts";
import { timed } from "../machine.ts";
import { ANSWER, BATCH, EPOCHS, PASSAGE, QUESTION, VIRTUAL } from "./shape.ts";

interface OursOptions {
  readonly cacheFolder: string;
  readonly threads: number;
  readonly contextLength: number;
}

/** Our side: an engine and the trainers, and examples drawn from a seed. */
export class Ours {
  readonly examples: readonly TrainingExample[];
  readonly #engine: Engine;
  readonly #options: OursOptions;
  readonly #trainers = new Map<"deep" | "virtual", TrainerEngine>();
  readonly #random = new Random(1);

  private constructor(engine: Engine, options: OursOptions) {
    this.#engine = engine;
    this.#options = options;
    this.examples = this.drawExamples(BATCH);
  }

  static async open(model: Model, options: OursOptions): Promise<Ours> {
    return new Ours(await Engine.open(model, options), options);
  }

  get cachedBytes(): number {
    return [...this.#trainers.values()].reduce((sum, { cachedBytes }) => sum + cachedBytes, 0);
  }

  drawExamples(count: number): TrainingExample[] {
    const draw = (length: number) =>
      Array.from({ length }, () => 20 + this.#random.integer(40_000));
    return Array.from({ length: count }, () => ({
      prefixIds: draw(PASSAGE),
      ids: draw(QUESTION),
      answerIds: draw(ANSWER),
    }));
  }

  /** Seconds of one step. */
  async step(kind: "deep" | "virtual", examples: readonly TrainingExample[]): Promise<number> {
    const trainer = await this.#trainer(kind);
    const conditioning = await this.#conditioning(kind);
    return timed(this.#options.threads, () => trainer.lossAndGradient(examples, conditioning));
  }

  /** Three epochs over examples whose passages were never read. */
  async wholeRun(
    examples: readonly TrainingExample[],
  ): Promise<{ examples: number; seconds: number }> {
    const trainer = await this.#trainer("deep");
    const conditioning = await this.#conditioning("deep");
    const seconds = await timed(this.#options.threads, async () => {
      for (let epoch = 0; epoch < EPOCHS; epoch++) {
        for (let first = 0; first < examples.length; first += BATCH) {
          await trainer.lossAndGradient(examples.slice(first, first + BATCH), conditioning);
        }
      }
    });
    return { examples: examples.length, seconds };
  }

  async closeTrainers(): Promise<void> {
    for (const trainer of this.#trainers.values()) await trainer.close();
    this.#trainers.clear();
  }

  async close(): Promise<void> {
    await this.closeTrainers();
    await this.#engine.close();
  }

  async #trainer(kind: "deep" | "virtual"): Promise<TrainerEngine> {
    const known = this.#trainers.get(kind);
    if (known) return known;
    const trainer = await TrainerEngine.open(this.#engine, {
      ...this.#options,
      target: { kind },
      trainingCacheBytes: 2 ** 31,
    });
    this.#trainers.set(kind, trainer);
    return trainer;
  }

  async #conditioning(kind: "deep" | "virtual"): Promise<Conditioning> {
    const ids = Array.from({ length: VIRTUAL }, (_, i) => 100 + i);
    return kind === "deep"
      ? this.#engine.deepTokens(ids)
      : { kind, count: VIRTUAL, rows: this.#engine.embeddings(ids) };
  }
}
