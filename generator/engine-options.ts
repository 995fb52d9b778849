import { layoutFolder, type Provider } from "../runtime/index.ts";
import type { Adaptation } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecoderSource } from "./model.ts";
import type { WeightFormat } from "./weight-layout.ts";

export interface EngineOptions {
  /** Where re-arranged weights and compiled graphs are kept. */
  readonly cacheFolder: string;
  readonly threads?: number;
  readonly provider?: Provider;
  /** "packed" (the default) serves blocks as in the file; "int8" and "int4" round the rest; "float32" computes everything in f32. */
  readonly weights?: WeightFormat;
  /** With packed weights: computes in f32 instead of rounding activations to 8 bits. */
  readonly exact?: boolean;
  /** Bytes of keys and values kept for passages that come again; 256 MiB unless given. */
  readonly passageCacheBytes?: number;
  /** The longest context, at most the model's own. */
  readonly contextLength?: number;
  /** How many sequences are decoded together, at least 1; 8 unless given. More wait. */
  readonly maxSequences?: number;
  /** Runs the model with other weights than its file's. */
  readonly adaptation?: Adaptation;
}

export const DEFAULT_PASSAGE_CACHE_BYTES = 256 * 2 ** 20;
export const DEFAULT_MAX_SEQUENCES = 8;
const DEFAULT_CONTEXT = 8192;

export const contextLengthOf = (config: DecoderConfig, options: EngineOptions): number =>
  Math.min(config.contextLength, options.contextLength ?? DEFAULT_CONTEXT);

/** The folder of one model's re-arranged weights and graphs. */
export const engineFolder = (model: DecoderSource, options: EngineOptions): string =>
  layoutFolder(options.cacheFolder, model.fingerprint);
