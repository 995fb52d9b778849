import type { DenseTensor } from "../runtime/index.ts";

/**
 * What a learned prompt adds to the model.
 * "virtual": token embeddings f32 [count, H] between passages and question. "deep": per layer, keys before rotation and values,
 * f32 [KV heads, count, D] each, at the same place. "prefix": the same rows in front of everything, keys as attention reads them.
 */
export type Conditioning =
  | { readonly kind: "virtual"; readonly count: number; readonly rows: Float32Array }
  | ({ readonly kind: "deep"; readonly count: number } & LayerRows)
  | ({ readonly kind: "prefix"; readonly count: number } & LayerRows)
  | Adaptation;

interface LayerRows {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** Which projections LoRA changes: W becomes W + scale · B·A, with A [rank, columns] and B [rows, rank]. */
export interface LoraShape {
  readonly rank: number;
  readonly scale: number;
  /** Names as transformers has them, such as "model.layers.0.self_attn.q_proj". */
  readonly modules: readonly string[];
}

/**
 * A change of the weights themselves: no row of it stands in the context, and the keys and values of passages depend on it.
 * `identity` tells adaptations apart: an engine made for one of the same slot and version is used again.
 */
export type Adaptation = {
  readonly count: 0;
  readonly identity: { readonly slot: string; readonly version: string };
} & (
  | {
      readonly kind: "lora";
      readonly shape: LoraShape;
      /** `MODULE.lora_A` and `MODULE.lora_B` of every module, in the shape's order. */
      readonly matrices: ReadonlyMap<string, DenseTensor>;
    }
  | {
      readonly kind: "full";
      /** By the layout's names; or the safetensors file of the whole model. */
      readonly weights: ReadonlyMap<string, DenseTensor> | { readonly path: string };
    }
);

/** The slot of weights that are being trained. */
export const DRAFT_SLOT = "training";

/** How many of its rows run through the layers as tokens do; others come in as rows of keys and values. */
export const virtualCountOf = (conditioning: Conditioning): number =>
  conditioning.kind === "virtual" ? conditioning.count : 0;

/** Whether a conditioning changes the weights instead of adding rows. */
export const isAdaptation = (conditioning: Conditioning | undefined): conditioning is Adaptation =>
  conditioning?.kind === "lora" || conditioning?.kind === "full";
