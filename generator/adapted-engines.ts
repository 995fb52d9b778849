import assert from "node:assert/strict";
import type { Adaptation } from "./conditioning.ts";
import { Engine } from "./engine.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { DecoderSource } from "./model.ts";

interface AdaptedEngine {
  readonly version: string;
  readonly engine: Promise<Engine>;
  users: number;
}

/** Each holds its own copy of the weights, so there are few. */
const MAX_ENGINES = 3;

/** Engines of models whose weights a prompt changes, one per slot; the least recently used makes room. */
export class AdaptedEngines {
  readonly #model: DecoderSource;
  readonly #options: EngineOptions;
  readonly #engines = new Map<string, AdaptedEngine>();
  readonly #retired = new Set<AdaptedEngine>();

  constructor(model: DecoderSource, options: EngineOptions) {
    this.#model = model;
    this.#options = options;
  }

  /**
   * Runs `use` with the engine of an adaptation, which is opened when it is not there, and kept.
   * @throws RagError engine/failed, model/invalid
   */
  async with<Result>(
    adaptation: Adaptation,
    use: (engine: Engine) => Promise<Result>,
  ): Promise<Result> {
    const adapted = await this.#takeEngine(adaptation);
    try {
      return await use(await adapted.engine);
    } finally {
      adapted.users--;
      if (this.#retired.has(adapted)) await this.#retire(adapted);
    }
  }

  async close(): Promise<void> {
    for (const slot of [...this.#engines.keys()]) await this.#drop(slot);
  }

  /** The engine with one user more, counted before anybody else can retire it. */
  async #takeEngine(adaptation: Adaptation): Promise<AdaptedEngine> {
    const { slot, version } = adaptation.identity;
    const known = this.#engines.get(slot);
    if (known?.version === version) {
      known.users++;
      this.#engines.delete(slot);
      this.#engines.set(slot, known);
      return known;
    }
    if (known || this.#engines.size >= MAX_ENGINES) {
      await this.#drop(known ? slot : [...this.#engines.keys()][0]!);
      // Another request may have opened it meanwhile.
      return this.#takeEngine(adaptation);
    }
    const opened = { version, engine: this.#open(adaptation), users: 1 };
    this.#engines.set(slot, opened);
    opened.engine.catch(() => {
      // By now another version may have its place.
      if (this.#engines.get(slot) === opened) this.#engines.delete(slot);
    });
    return opened;
  }

  #open(adaptation: Adaptation): Promise<Engine> {
    if (adaptation.kind === "full" && "path" in adaptation.weights) {
      const { version } = adaptation.identity;
      const source = { ...this.#model, fingerprint: version, weightsPath: adaptation.weights.path };
      return Engine.open(source, { ...this.#options, weights: "float32" });
    }
    if (adaptation.kind === "full" && adaptation.weights instanceof Map) {
      assert.ok(adaptation.weights.size > 0, "weights are handed over before they are asked for");
    }
    const weights = adaptation.kind === "full" ? { weights: "float32" as const } : {};
    return Engine.open(this.#model, { ...this.#options, ...weights, adaptation });
  }

  async #drop(slot: string): Promise<void> {
    const adapted = this.#engines.get(slot);
    this.#engines.delete(slot);
    if (adapted) await this.#retire(adapted);
  }

  /** Closes an engine as soon as nobody uses it. */
  async #retire(adapted: AdaptedEngine): Promise<void> {
    this.#retired.add(adapted);
    if (adapted.users > 0) return;
    this.#retired.delete(adapted);
    const engine = await adapted.engine.catch(() => undefined);
    await engine?.close();
  }
}
