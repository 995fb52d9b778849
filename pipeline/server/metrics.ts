import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Usage } from "../answerer.ts";
import { EngineMetrics, type ReadEngine } from "./engine-metrics.ts";
import type { ServerState } from "./server-state.ts";
import type { WorkQueue } from "./work-queue.ts";

const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const RATES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Times of one answer's stages, in milliseconds; absent where a stage did not happen. */
export interface StageTimes {
  readonly retrievalMs?: number;
  /** Part of the retrieval. */
  readonly rerankMs?: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

/** What the server counts, in Prometheus' text format. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"route" | "status">;
  readonly #seconds: Histogram<"route">;
  readonly #waited: Histogram;
  readonly #firstToken: Histogram;
  readonly #rate: Histogram;
  readonly #stages: Histogram<"stage">;
  readonly #tokens: Counter<"kind">;
  readonly #passageCache: Counter<"result">;
  readonly #engine: EngineMetrics;

  constructor() {
    const registers = [this.#registry];
    const histogram = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[] = [],
      buckets = SECONDS,
    ) => new Histogram({ name: `foreword_${name}`, help, labelNames, buckets, registers });
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
      new Counter({ name: `foreword_${name}`, help, labelNames, registers });
    this.#requests = counter("requests_total", "Requests answered", ["route", "status"]);
    this.#seconds = histogram("request_seconds", "Time from request to response's end", ["route"]);
    this.#waited = histogram("queue_wait_seconds", "Time a request waited for its turn");
    this.#firstToken = histogram(
      "first_token_seconds",
      "Time from request to the first token of its first choice",
    );
    this.#rate = histogram("tokens_per_second", "Tokens a second of one answer", [], RATES);
    this.#stages = histogram("stage_seconds", "Time of each stage of an answer", ["stage"]);
    this.#tokens = counter("tokens_total", "Tokens read, read from the cache, written", ["kind"]);
    this.#passageCache = counter("passage_cache_total", "Answers by cached passages", ["result"]);
    this.#engine = new EngineMetrics(this.#registry);
  }

  /** Shows a queue's length, the server's phase and what the engine does. */
  watch(parts: {
    readonly queue: WorkQueue;
    readonly state: ServerState;
    readonly readEngine: ReadEngine;
  }): void {
    const { queue, state, readEngine } = parts;
    this.#engine.watch(readEngine);
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name: `foreword_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read());
        },
      });
    gauge("queue_running", "Requests being answered", () => queue.running);
    gauge("queue_waiting", "Requests waiting for their turn", () => queue.waiting);
    gauge("ready", "1 when the server can answer", () => Number(state.phase === "ready"));
  }

  /** Adds memory, CPU and event loop of this process; once per process. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  requested(route: string, status: number, ms: number): void {
    this.#requests.inc({ route, status: String(status) });
    this.#seconds.observe({ route }, ms / 1000);
  }

  waited(ms: number): void {
    this.#waited.observe(ms / 1000);
  }

  firstToken(ms: number): void {
    this.#firstToken.observe(ms / 1000);
  }

  answered(usage: Usage, times: StageTimes): void {
    const { promptTokens, cachedTokens, completionTokens } = usage;
    this.#tokens.inc({ kind: "prompt" }, promptTokens);
    this.#tokens.inc({ kind: "cached" }, cachedTokens);
    this.#tokens.inc({ kind: "completion" }, completionTokens);
    if (promptTokens > 0) {
      this.#passageCache.inc({ result: cachedTokens > 0 ? "hit" : "miss" });
    }
    const { retrievalMs, rerankMs, prefillMs, decodeMs } = times;
    if (retrievalMs !== undefined) this.#stage("retrieval", retrievalMs);
    if (rerankMs !== undefined) this.#stage("rerank", rerankMs);
    this.#stage("prefill", prefillMs);
    this.#stage("decode", decodeMs);
    if (completionTokens > 0 && decodeMs > 0) {
      this.#rate.observe((completionTokens / decodeMs) * 1000);
    }
  }

  /** The page's text and its content type. */
  async text(): Promise<{ readonly body: string; readonly contentType: string }> {
    await this.#engine.refresh();
    return { body: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  #stage(stage: string, ms: number): void {
    this.#stages.observe({ stage }, ms / 1000);
  }
}
