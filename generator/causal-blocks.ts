import {
  attention,
  columnsTo,
  concat,
  dimensionOf,
  type Graph,
  split,
  subtract,
  type Value,
} from "../graph/index.ts";
import type { KeyValue } from "./decoder-graph.ts";

/** Blocks that a long text is read in: four save three eighths of the scores, more would save little. */
export const CAUSAL_BLOCKS = 4;

/** Lengths of the blocks of `tokens` tokens, as alike as they can be. */
export const blockLengths = (tokens: number): number[] =>
  Array.from({ length: CAUSAL_BLOCKS }, (_, block) => Math.floor((tokens + block) / CAUSAL_BLOCKS));

/**
 * Attention block of queries by block, each over the keys up to its own end: what a mask would hide behind a block is not
 * computed at all. Adds the input `blocks` int64 [blocks], the lengths, which sum to T and are at least 1.
 * mask: f32 [B, 1, T, S + T] as for the whole.
 */
export class CausalBlocks {
  readonly #graph: Graph;
  readonly #lengths: Value;
  readonly #names = Array.from({ length: CAUSAL_BLOCKS }, (_, block) => `T${block}`);
  readonly #masks: readonly Value[];

  constructor(graph: Graph, mask: Value) {
    this.#graph = graph;
    this.#lengths = graph.input("blocks", "int64", [CAUSAL_BLOCKS]);
    this.#masks = this.#cutMask(mask);
  }

  /** As {@link attention} over `earlier` runs and the tokens' `own` rows. */
  attend(query: Value, earlier: readonly KeyValue[], own: KeyValue): Value {
    const graph = this.#graph;
    const [queries, keys, values] = [query, own.key, own.value].map((x) => this.#cut(x));
    const upTo = (parts: readonly Value[], block: number) =>
      concat(graph, parts.slice(0, block + 1), 2, this.#names.slice(0, block + 1).join("+"));
    const read = queries!.map((part, block) => {
      const rows = { key: upTo(keys!, block), value: upTo(values!, block) };
      return attention(graph, part, [...earlier, rows], this.#masks[block]!);
    });
    return concat(graph, read, 2, query.shape[2]!);
  }

  #cut(x: Value): readonly Value[] {
    return split(this.#graph, x, 2, this.#names, this.#lengths);
  }

  #cutMask(mask: Value): readonly Value[] {
    const graph = this.#graph;
    const ones = this.#names.map(() => 1);
    const lengths = split(graph, this.#lengths, 0, ones, graph.integers(ones));
    const before = mask.shape[3] === mask.shape[2] ? [] : ["S"];
    let end = dimensionOf(graph, mask, 3);
    const cut: Value[] = [];
    for (const [block, rows] of [...this.#cut(mask).entries()].reverse()) {
      const name = [...before, ...this.#names.slice(0, block + 1)].join("+");
      cut.unshift(columnsTo(graph, rows, end, name));
      end = subtract(graph, end, lengths[block]!);
    }
    return cut;
  }
}
