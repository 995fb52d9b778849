/** A tensor's names: in safetensors any of the first, in GGUF the other. */
export interface TensorNames {
  readonly huggingFace: readonly string[];
  readonly gguf: string;
}

/** A matrix as one part of a stacked one: its names in either file format, and its rows. */
export interface Part {
  readonly weight: TensorNames;
  /** f32 [rows] */
  readonly bias?: TensorNames;
  readonly rows: number;
  /** Rows of each head alternate between the halves that rotary embedding turns, as llama.cpp stores some families. */
  readonly isInterleavedInGguf: boolean;
  /** Stored [columns, rows] in safetensors, as transformers' Conv1D is. */
  readonly isTransposedInHuggingFace: boolean;
}

/** A linear layer; parts that read the same input are stacked into one matrix [rows, columns]. */
export interface Projection {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly columns: number;
}

/** A tensor that stays as it is: the scale of a norm, a table of positions. */
export interface PlainWeight {
  readonly name: string;
  readonly tensor: TensorNames;
  readonly shape: readonly number[];
}

/** What a model file of a family holds, and how the decoder groups it. */
export interface ModelPlan {
  /** "embedding", "head" unless tied, and per layer "layers.I.qkv", "o", "gateUp" or "up", "down". */
  readonly projections: readonly Projection[];
  /** "norm", per layer "layers.I.inputNorm" and "feedForwardNorm", their ".bias", and what else the family has. */
  readonly plain: readonly PlainWeight[];
}

/** Names under `prefix`, which a model saved without its head lacks. */
export const tensorNames = (prefix: string, huggingFace: string, gguf: string): TensorNames => ({
  huggingFace: [`${prefix}${huggingFace}`, huggingFace],
  gguf,
});

/** A part whose bias, where it has one, is named as its weight is. */
export function part(
  names: (kind: "weight" | "bias") => TensorNames,
  rows: number,
  traits: {
    readonly hasBias?: boolean;
    readonly isInterleavedInGguf?: boolean;
    readonly isTransposedInHuggingFace?: boolean;
  } = {},
): Part {
  const { hasBias, isInterleavedInGguf = false, isTransposedInHuggingFace = false } = traits;
  return {
    weight: names("weight"),
    ...(hasBias ? { bias: names("bias") } : {}),
    rows,
    isInterleavedInGguf,
    isTransposedInHuggingFace,
  };
}
