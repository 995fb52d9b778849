import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import type { Positions } from "../config.ts";
import type { GgufKeys } from "./gguf-keys.ts";

/** Where neither file nor family says otherwise. */
const DEFAULT_BASE = 10_000;
const positive = z.number().positive();

const ropeSchema = z.looseObject({
  rope_theta: positive.optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
  partial_rotary_factor: z.number().optional(),
});
const linearSchema = z.looseObject({ factor: positive });
const llama3Schema = z.looseObject({
  factor: positive,
  low_freq_factor: positive,
  high_freq_factor: positive,
  original_max_position_embeddings: positive,
});

/**
 * Rotary settings of a config.json: `rope_parameters` of transformers 5, or the older `rope_theta` and `rope_scaling`.
 * @throws RagError model/unsupported for scaling other than "default", "linear" and "llama3", model/invalid
 */
export function rotaryFromHuggingFace(
  raw: {
    readonly rope_theta?: number | undefined;
    readonly rope_parameters?: unknown;
    readonly rope_scaling?: unknown;
    readonly partial_rotary_factor?: number | undefined;
  },
  headDimension: number,
  source: string,
): Positions {
  const settings = raw.rope_parameters ?? raw.rope_scaling ?? {};
  const where = `${source}: ${raw.rope_parameters ? "rope_parameters" : "rope_scaling"}`;
  const rope = parseWith(ropeSchema, settings, where, "model/invalid");
  if (Object.values(rope).some((value) => typeof value === "object" && value !== null)) {
    throw new RagError(
      "model/unsupported",
      `${where}: settings that differ from layer to layer are not supported.`,
    );
  }
  if ((rope.partial_rotary_factor ?? raw.partial_rotary_factor ?? 1) !== 1) {
    throw new RagError(
      "model/unsupported",
      `${source}: partial_rotary_factor: heads that are turned in part are not supported.`,
    );
  }
  const base = rope.rope_theta ?? raw.rope_theta ?? DEFAULT_BASE;
  const type = rope.rope_type ?? rope.type ?? "default";
  if (type === "default") return { kind: "rotary", base };
  if (type === "linear") {
    const { factor } = parseWith(linearSchema, settings, where, "model/invalid");
    return { kind: "rotary", base, factors: sameFactors(headDimension, factor) };
  }
  if (type === "llama3") {
    const scaling = parseWith(llama3Schema, settings, where, "model/invalid");
    return { kind: "rotary", base, factors: llama3Factors(base, headDimension, scaling) };
  }
  throw new RagError(
    "model/unsupported",
    `${where}: rotary scaling "${type}" is not supported; "default", "linear" and "llama3" are.`,
  );
}

/**
 * Long waves are slowed by the factor, short ones kept, those between blended.
 * @see transformers, modeling_rope_utils, "llama3"
 */
function llama3Factors(
  base: number,
  headDimension: number,
  scaling: z.infer<typeof llama3Schema>,
): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  return Array.from({ length: headDimension / 2 }, (_, i) => {
    const frequency = 1 / base ** ((2 * i) / headDimension);
    const waves = (scaling.original_max_position_embeddings * frequency) / (2 * Math.PI);
    if (waves < low) return factor;
    if (waves > high) return 1;
    const blend = (waves - low) / (high - low);
    return 1 / ((1 - blend) / factor + blend);
  });
}

/**
 * Rotary settings of a GGUF file, as llama.cpp reads them: scaling is linear unless its type is "none", and Llama 3's stretched
 * frequencies stand in the file as the tensor `rope_freqs.weight`.
 * @throws RagError model/unsupported for other scaling, or heads that are turned in part; model/invalid
 * @see llama.cpp, llama_model::load_hparams
 */
export function rotaryFromGguf(keys: GgufKeys, headDimension: number): Positions {
  const base = keys.number("rope.freq_base", DEFAULT_BASE, Number.MAX_VALUE);
  keys.requireOneOf("rope.dimension_count", [headDimension]);
  keys.requireOneOf("rope.scaling.type", ["none", "linear"]);
  const factor = linearFactor(keys);
  const { file, source } = keys;
  const table = file.tensors.get("rope_freqs.weight");
  if (table) {
    if (table.shape.join() !== String(headDimension / 2)) {
      throw new RagError(
        "model/invalid",
        `${source}: tensor rope_freqs.weight: expected shape [${headDimension / 2}], found [${table.shape.join(", ")}]; the file is damaged, get it again.`,
      );
    }
    const own = requireFactors(source, table.name, file);
    return { kind: "rotary", base, factors: Array.from(own, (value) => value * factor) };
  }
  if (factor === 1) return { kind: "rotary", base };
  return { kind: "rotary", base, factors: sameFactors(headDimension, factor) };
}

function linearFactor(keys: GgufKeys): number {
  const { file, architecture } = keys;
  const stored = (key: string) => file.metadata[`${architecture}.${key}`];
  if (stored("rope.scaling.type") === "none") return 1;
  // The second is what files of 2023 say; 0 means that there is none.
  const key = ["rope.scaling.factor", "rope.scale_linear"].find((one) => keys.has(one));
  return key === undefined || stored(key) === 0 ? 1 : keys.number(key);
}

const sameFactors = (headDimension: number, factor: number): number[] =>
  Array.from({ length: headDimension / 2 }, () => factor);

function requireFactors(source: string, name: string, file: GgufKeys["file"]): Float32Array {
  const factors = file.readF32(name);
  const bad = factors.find((value) => !(value > 0 && Number.isFinite(value)));
  if (bad === undefined) return factors;
  throw new RagError(
    "model/invalid",
    `${source}: tensor ${name}: expected positive numbers, found ${bad}; the file is damaged, get it again.`,
  );
}
