import { Counter, Gauge, type Registry } from "prom-client";
import type { EngineStatus } from "../answerer.ts";

export type ReadEngine = () => Promise<EngineStatus | undefined>;

/** An engine in a long run, or one that is being replaced, is not waited for longer. */
const READ_TIMEOUT_MS = 1000;

/** The engine's own counters. While it cannot be read (not open yet, busy, dead) its values are left out, not told as zeros. */
export class EngineMetrics {
  readonly #gauges: readonly { gauge: Gauge; read: (status: EngineStatus) => number }[];
  readonly #cacheTokens: Counter<"result">;
  readonly #restarts: Counter;
  #read: ReadEngine = async () => undefined;

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = (name: string, help: string, read: (status: EngineStatus) => number) => ({
      gauge: new Gauge({ name: `foreword_${name}`, help, registers }),
      read,
    });
    this.#gauges = [
      gauge("engine_running", "Sequences in the decoding batch", ({ running }) => running),
      gauge(
        "engine_waiting",
        "Sequences being read or waiting for a place in the batch",
        ({ waiting }) => waiting,
      ),
      gauge("engine_places", "Sequences the batch takes", ({ maxSequences }) => maxSequences),
      gauge(
        "engine_sequence_bytes",
        "Keys and values of the batch",
        ({ sequenceBytes }) => sequenceBytes,
      ),
      gauge(
        "passage_cache_bytes",
        "Kept keys and values",
        ({ passageCache }) => passageCache.bytes,
      ),
      gauge(
        "passage_cache_max_bytes",
        "Keys and values that may be kept",
        ({ passageCache }) => passageCache.maxBytes,
      ),
    ];
    this.#cacheTokens = new Counter({
      name: "foreword_passage_cache_tokens_total",
      help: "Tokens of passages whose keys and values were there, and those that were computed",
      labelNames: ["result"],
      registers,
    });
    this.#restarts = new Counter({
      name: "foreword_engine_restarts_total",
      help: "Times a dead engine was replaced",
      registers,
    });
  }

  /** Where to read from at each {@link refresh}. */
  watch(read: ReadEngine): void {
    this.#read = read;
  }

  /** Takes over what the engine says now; never throws. */
  async refresh(): Promise<void> {
    const status = await withinTime(this.#read());
    for (const { gauge, read } of this.#gauges) {
      if (status) gauge.set(read(status));
      else gauge.remove();
    }
    this.#cacheTokens.reset();
    this.#restarts.remove();
    if (!status) return;
    const { hitTokens, missedTokens } = status.passageCache;
    this.#cacheTokens.inc({ result: "hit" }, hitTokens);
    this.#cacheTokens.inc({ result: "miss" }, missedTokens);
    this.#restarts.inc(status.restarts);
  }
}

/** Undefined when it takes too long or fails: the requests that fail with it tell why. */
async function withinTime(reading: Promise<EngineStatus | undefined>) {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([reading, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
