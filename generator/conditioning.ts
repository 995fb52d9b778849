/**
 * What a learned prompt puts between passages and question.
 * "virtual": token embeddings f32 [count, H]. "deep": per layer, keys before rotation and values, f32 [KV heads, count, D] each.
 */
export type Conditioning =
  | { readonly kind: "virtual"; readonly count: number; readonly rows: Float32Array }
  | {
      readonly kind: "deep";
      readonly count: number;
      readonly keys: readonly Float32Array[];
      readonly values: readonly Float32Array[];
    };
