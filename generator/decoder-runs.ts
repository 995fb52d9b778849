import { floats, integers, type Session, type Tensor } from "../runtime/index.ts";
import type { Conditioning } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import type { CacheRows, KeyValueCache } from "./key-value-cache.ts";
import { causalMask } from "./masks.ts";
import type { Scores, ScoresNeeded } from "./sampling.ts";
import type { SequenceMemory } from "./sequence-memory.ts";

type VirtualRows = Conditioning & { kind: "virtual" };

/** What is wanted of the scores of one row. */
export interface ScoresAsked {
  readonly needed: ScoresNeeded;
  readonly logProbabilities: boolean;
  /** 0 is greedy. */
  readonly temperature: number;
}

/** The scores of one row, with log Σ exp(logits) where log probabilities were asked for. */
export interface RowScores extends Scores {
  readonly logSum?: number;
}

type Outputs = Readonly<Record<string, Tensor>>;

/** The runs of the inference graph: a piece of one sequence behind its cache, or one token of each of many. */
export class DecoderRuns {
  readonly #config: DecoderConfig;
  readonly #session: Session;

  constructor(config: DecoderConfig, session: Session) {
    this.#config = config;
    this.#session = session;
  }

  /**
   * Reads a piece of one sequence: virtual tokens, then ids, behind what `cache` holds. The rows are not yet in the cache.
   * `asked`: whether the scores after the last token are wanted.
   */
  async piece(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
    readonly virtual?: VirtualRows | undefined;
    readonly asked?: ScoresAsked;
  }): Promise<{ readonly added: CacheRows; readonly scores: RowScores | undefined }> {
    const count = step.ids.length + (step.virtual?.count ?? 0);
    const asked = step.asked ? [step.asked] : [];
    const feeds = { ...this.#pieceFeeds(step, [count - 1]), ...drawFeeds(asked) };
    const outputs = await this.#session.run(feeds, ["added", ...fetchesOf(asked)]);
    const added = { data: outputs["added"]!.data as Float32Array, count };
    return { added, scores: asked.length > 0 ? scoresOf(outputs, asked)[0] : undefined };
  }

  /** One token of every sequence in memory: tokens[i] is that of slot i. Its rows are not yet in memory. */
  async step(
    memory: SequenceMemory,
    tokens: readonly number[],
    asked: readonly ScoresAsked[],
  ): Promise<{ readonly added: Float32Array; readonly scores: readonly RowScores[] }> {
    const count = memory.count;
    const feeds = {
      ...memory.feeds(),
      virtual: floats(new Float32Array(0), [count, 0, this.#config.width]),
      ids: integers(tokens, [count, 1]),
      positions: integers(
        tokens.map((_, slot) => memory.lengthOf(slot)),
        [count, 1],
      ),
      rows: integers(tokens.map((_, slot) => slot)),
      ...drawFeeds(asked),
    };
    const outputs = await this.#session.run(feeds, ["added", ...fetchesOf(asked)]);
    return {
      added: outputs["added"]!.data as Float32Array,
      scores: scoresOf(outputs, asked),
    };
  }

  /** Logits after every token of a piece: f32 [K + ids, V]. */
  async logits(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
    readonly virtual?: VirtualRows | undefined;
  }): Promise<Float32Array> {
    const count = step.ids.length + (step.virtual?.count ?? 0);
    const rows = Array.from({ length: count }, (_, row) => row);
    const feeds = { ...this.#pieceFeeds(step, rows), ...drawFeeds([]) };
    return (await this.#session.run(feeds, ["logits"]))["logits"]!.data as Float32Array;
  }

  /**
   * How much the last `rows` tokens of a piece attend to each row of the cache's view and of the piece: f32 [layers, S + T], summed over
   * heads and rows. The graph has to observe it.
   */
  async attention(
    step: {
      readonly ids: readonly number[];
      readonly cache: KeyValueCache;
      readonly virtual?: VirtualRows | undefined;
    },
    rows: number,
  ): Promise<Float32Array> {
    const count = step.ids.length + (step.virtual?.count ?? 0);
    const last = Array.from({ length: rows }, (_, row) => count - rows + row);
    const feeds = { ...this.#pieceFeeds(step, last), ...drawFeeds([]) };
    return (await this.#session.run(feeds, ["attention"]))["attention"]!.data as Float32Array;
  }

  /** Logits after every id of a piece, f32 [ids, V], and the rows it adds to the cache. */
  async scoredPiece(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
  }): Promise<{ readonly added: CacheRows; readonly logits: Float32Array }> {
    const feeds = { ...this.#pieceFeeds(step, [...step.ids.keys()]), ...drawFeeds([]) };
    const outputs = await this.#session.run(feeds, ["added", "logits"]);
    return {
      added: { data: outputs["added"]!.data as Float32Array, count: step.ids.length },
      logits: outputs["logits"]!.data as Float32Array,
    };
  }

  /** Log probability of every id of a piece but the first, given those before it and what the cache holds: [ids − 1]. */
  async logProbabilities(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
  }): Promise<readonly number[]> {
    const rows = [...step.ids.keys()].slice(0, -1);
    const one = integers(rows);
    const inverse = floats(new Float32Array(rows.length).fill(1), [rows.length, 1]);
    const feeds = { ...this.#pieceFeeds(step, rows), drawn: one, inverseTemperatures: inverse };
    const outputs = await this.#session.run(feeds, ["logits", "logSum"]);
    const logits = outputs["logits"]!.data as Float32Array;
    const width = logits.length / rows.length;
    return rows.map(
      (row) => logits[row * width + step.ids[row + 1]!]! - Number(outputs["logSum"]!.data[row]),
    );
  }

  /** Keys and values of a piece as f16: [layers · 2 · KV heads, ids, D]. */
  async halfRows(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
  }): Promise<Uint16Array> {
    const feeds = { ...this.#pieceFeeds(step, [step.ids.length - 1]), ...drawFeeds([]) };
    const { data } = (await this.#session.run(feeds, ["addedHalf"]))["addedHalf"]!;
    return new Uint16Array(data.buffer, data.byteOffset, data.length);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  #pieceFeeds(
    step: {
      readonly ids: readonly number[];
      readonly cache: KeyValueCache;
      readonly virtual?: VirtualRows | undefined;
    },
    rows: readonly number[],
  ): Record<string, Tensor> {
    const { ids, cache, virtual } = step;
    const virtualCount = virtual?.count ?? 0;
    const count = ids.length + virtualCount;
    const { tensors, capacity } = cache.view();
    const positions = Array.from({ length: count }, (_, i) => cache.length + i);
    return {
      ...tensors,
      virtual: floats(virtual?.rows ?? new Float32Array(0), [1, virtualCount, this.#config.width]),
      ids: integers(ids, [1, ids.length]),
      positions: integers(positions, [1, count]),
      mask: causalMask({ tokens: count, past: cache.length, capacity }),
      rows: integers(rows),
    };
  }
}

/** Rows whose candidates are wanted; the others leave the vocabulary unsorted. */
const drawnRows = (asked: readonly ScoresAsked[]): readonly number[] =>
  asked.flatMap((one, row) => (one.needed === "candidates" || one.logProbabilities ? [row] : []));

function drawFeeds(asked: readonly ScoresAsked[]): Record<string, Tensor> {
  // ONNX Runtime divides by zero in TopK over no rows, so one row is always looked at.
  const wanted = drawnRows(asked);
  const drawn = wanted.length > 0 ? wanted : [0];
  const inverse = Float32Array.from(drawn, (row) => 1 / (asked[row]?.temperature || 1));
  return {
    drawn: integers(drawn),
    inverseTemperatures: floats(inverse, [drawn.length, 1]),
  };
}

function fetchesOf(asked: readonly ScoresAsked[]): string[] {
  const drawn = ["candidates", "candidateLogits", "logSum", "scaledLogSum"];
  return [
    "token",
    ...(drawnRows(asked).length > 0 ? drawn : []),
    ...(asked.some(({ needed }) => needed === "logits") ? ["logits"] : []),
  ];
}

function scoresOf(outputs: Outputs, asked: readonly ScoresAsked[]): RowScores[] {
  const drawn = drawnRows(asked);
  return asked.map(({ needed }, row) => {
    const logits = outputs["logits"]?.data as Float32Array | undefined;
    const width = (logits?.length ?? 0) / asked.length;
    return {
      best: Number(outputs["token"]!.data[row]),
      ...candidatesOf(outputs, drawn.indexOf(row), drawn.length),
      ...(needed === "logits" ? { logits: logits!.subarray(row * width, (row + 1) * width) } : {}),
    };
  });
}

function candidatesOf(
  outputs: Outputs,
  index: number,
  drawn: number,
): Pick<RowScores, "candidates" | "logSum"> {
  if (index < 0) return {};
  const ids = outputs["candidates"]!.data as BigInt64Array;
  const logits = outputs["candidateLogits"]!.data as Float32Array;
  const width = ids.length / drawn;
  return {
    logSum: Number(outputs["logSum"]!.data[index]),
    candidates: {
      ids: Array.from(ids.subarray(index * width, (index + 1) * width), Number),
      logits: logits.subarray(index * width, (index + 1) * width),
      scaledLogSum: Number(outputs["scaledLogSum"]!.data[index]),
      isWhole: false,
    },
  };
}
