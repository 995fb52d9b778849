/** Turns texts into vectors that are close when the texts mean the same. */
export interface Embedder {
  /** Tells vectors of different embedders apart: model, weights, pooling, prefixes, longest text. */
  readonly id: string;
  /** D */
  readonly dimension: number;
  /** The longest text in tokens; what is longer is cut. */
  readonly maxTokens: number;
  /** f32 [D] of length 1 for each text, in order. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** Tokens of a text, without the marks the embedder adds. */
  countTokens(text: string): number;
  /** Tokens that stand for words the embedder does not know; left out by embedders that have none. */
  countUnknown?(text: string): number;
  close(): Promise<void>;
}

export interface EmbedOptions {
  /** Some embedders treat questions and passages differently; a text is a passage unless said otherwise. */
  readonly kind?: "query" | "passage";
  readonly signal?: AbortSignal | undefined;
  /** How many texts are done. */
  readonly onProgress?: (done: number) => void;
}
