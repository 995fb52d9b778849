import { join } from "node:path";
import { Random } from "../../core/index.ts";
import { planModel } from "../../generator/families/index.ts";
import { configFromHuggingFace, type DecoderSource } from "../../generator/index.ts";
import { type DenseTensor, writeSafetensors } from "../../runtime/index.ts";

/** Shapes of decoders of these sizes, in the proportions of the Llama family. */
export const SHAPES = [
  { layers: 12, width: 384, heads: 6, feedForward: 1024 },
  { layers: 20, width: 576, heads: 9, feedForward: 1536 },
  { layers: 28, width: 768, heads: 12, feedForward: 2048 },
  { layers: 24, width: 1280, heads: 20, feedForward: 3456 },
  { layers: 22, width: 2048, heads: 32, feedForward: 5632 },
] as const;
type Shape = (typeof SHAPES)[number];

const VOCABULARY = 16_384;

export function randomConfig({ layers, width, heads, feedForward }: Shape) {
  const raw = {
    model_type: "llama",
    num_hidden_layers: layers,
    hidden_size: width,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    intermediate_size: feedForward,
    vocab_size: VOCABULARY,
    max_position_embeddings: 4096,
    tie_word_embeddings: true,
  };
  return configFromHuggingFace(raw, "random model");
}

/** Numbers in all weights of a shape. */
export const parameterCount = (shape: Shape): number => {
  const { projections, plain } = planModel(randomConfig(shape));
  const matrices = projections.flatMap(({ parts, columns }) =>
    parts.map(({ rows }) => rows * columns),
  );
  const others = plain.map((weight) =>
    weight.shape.reduce((product, length) => product * length, 1),
  );
  return [...matrices, ...others].reduce((sum, count) => sum + count, 0);
};

/** Writes a model of random weights, small enough that activations keep their size from layer to layer. */
export async function writeRandomModel(shape: Shape, folder: string): Promise<DecoderSource> {
  const config = randomConfig(shape);
  const { projections, plain } = planModel(config);
  const random = new Random(7);
  // One random stretch, read from different places: drawing a billion numbers takes longer than the bench.
  const stretch = Float32Array.from({ length: 1_000_003 }, () => random.normal());
  const fill = (length: number, scale: number): Float32Array => {
    const start = random.integer(stretch.length);
    return Float32Array.from({ length }, (_, i) => scale * stretch[(start + i) % stretch.length]!);
  };
  const tensors = new Map<string, DenseTensor>();
  for (const { parts, columns } of projections) {
    for (const { weight, rows } of parts) {
      const data = fill(rows * columns, 0.5 / Math.sqrt(columns));
      tensors.set(weight.huggingFace[0]!, { shape: [rows, columns], data });
    }
  }
  for (const { tensor, shape: own } of plain) {
    tensors.set(tensor.huggingFace[0]!, { shape: own, data: new Float32Array(own[0]!).fill(1) });
  }
  const weightsPath = join(folder, `random-${shape.width}.safetensors`);
  await writeSafetensors(weightsPath, tensors);
  const fingerprint = `random${shape.width}`.padEnd(64, "0");
  return { name: `random-${shape.width}`, fingerprint, config, weightsPath };
}
