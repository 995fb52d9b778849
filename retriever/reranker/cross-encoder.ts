import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import {
  LastingWorker,
  openWeights,
  type ResolvedModel,
  workerModule,
} from "../../runtime/index.ts";
import { type BertModel, firstIds, readBertModel } from "../bert/bert-model.ts";
import { readModelJson, readOptionalModelJson } from "../bert/model-files.ts";
import { type TokenSequence, tokenBatches } from "../bert/token-batches.ts";
import type { RerankedPassage } from "../search/search-options.ts";
import type { TokenPair } from "./cross-encoder-engine.ts";
import type { CrossEncoderWorkerData } from "./cross-encoder-worker.ts";

/** Tokens of one batch, padding included: few enough that a layer's values stay in the processor's cache, as for the embedder. */
const BATCH_TOKENS = 512;
/** [CLS] query [SEP] passage [SEP] */
const MARKS_IN_PAIR = 3;
/** A query so long that the passage would have less than this share of the room is cut as well. */
const MIN_PASSAGE_SHARE = 1 / 4;
const ARCHITECTURE = "BertForSequenceClassification";

const configSchema = z.looseObject({
  architectures: z.array(z.string()).max(100).nullish(),
});
const lengthSchema = z.looseObject({ model_max_length: z.number().min(8).nullish() });

export interface CrossEncoderOptions {
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A cross-encoder of the BERT family (ms-marco-MiniLM and others built like it) in a thread of its own, which is replaced when it dies: it
 * reads query and passage together and says how well they go together.
 */
export class CrossEncoder {
  /** Tokens of query, passage and marks together; what is longer is cut from the passage. */
  readonly maxTokens: number;
  readonly #model: BertModel;
  readonly #host: LastingWorker;

  private constructor(model: BertModel, maxTokens: number, host: LastingWorker) {
    this.#model = model;
    this.maxTokens = maxTokens;
    this.#host = host;
  }

  /**
   * Opens a folder with `config.json`, `tokenizer.json` and safetensors weights of a BERT model with a classification head of one label.
   * @throws RagError model/invalid for a damaged file; model/unsupported for another architecture, no head, or several labels
   */
  static async open(
    resolved: ResolvedModel,
    options: CrossEncoderOptions = {},
  ): Promise<CrossEncoder> {
    const model = readBertModel(resolved);
    requireCrossEncoder(resolved, model);
    const data: CrossEncoderWorkerData = {
      config: model.config,
      weightsPath: resolved.weightsPath,
      ...(options.threads ? { threads: options.threads } : {}),
    };
    const module = workerModule("cross-encoder-worker", import.meta.url);
    const host = await LastingWorker.open(module, data, options.signal);
    return new CrossEncoder(model, longestPair(resolved, model), host);
  }

  /** The logit of each passage, in order; higher is better. @throws RagError engine/failed; the signal's reason */
  async score(
    query: string,
    passages: readonly RerankedPassage[],
    signal?: AbortSignal,
  ): Promise<number[]> {
    const pairs = this.#pairs(query, passages);
    const scores = new Array<number>(passages.length);
    for (const batch of tokenBatches(pairs, BATCH_TOKENS)) {
      signal?.throwIfAborted();
      const sent = batch.map(({ ids, second }): TokenPair => ({ ids, second }));
      const found = (await this.#host.call("score", sent, { signal })) as Float32Array;
      for (const [row, { index }] of batch.entries()) scores[index] = found[row]!;
    }
    return scores;
  }

  async close(): Promise<void> {
    await this.#host.close();
  }

  #pairs(query: string, passages: readonly RerankedPassage[]): (TokenPair & TokenSequence)[] {
    const { tokenizer, marks } = this.#model;
    const room = this.maxTokens - MARKS_IN_PAIR;
    const forQuery = Math.floor(room * (1 - MIN_PASSAGE_SHARE));
    const asked = firstIds(tokenizer, query, forQuery);
    return passages.map((passage, index) => {
      const read = firstIds(tokenizer, pairedText(passage), room - asked.length);
      const before = [marks.first, ...asked, marks.last];
      return { index, ids: [...before, ...read, marks.last], second: before.length };
    });
  }
}

/** A passage as a cross-encoder reads it: where it stands helps as much as for the embedder. */
const pairedText = ({ title, text }: RerankedPassage): string =>
  title === "" ? text : `${title}\n${text}`;

function longestPair({ name, folder }: ResolvedModel, { config }: BertModel): number {
  const raw = readOptionalModelJson(folder, "tokenizer_config.json", name) ?? {};
  const source = `${name}: tokenizer_config.json`;
  const { model_max_length: length } = parseWith(lengthSchema, raw, source, "model/invalid");
  return Math.floor(Math.min(length ?? config.positions, config.positions));
}

/** Says what the model is instead, where it is no cross-encoder. */
function requireCrossEncoder({ name, folder, weightsPath }: ResolvedModel, model: BertModel): void {
  const config = parseWith(
    configSchema,
    readModelJson(folder, "config.json", name),
    `${name}: config.json`,
    "model/invalid",
  );
  const [architecture = ARCHITECTURE] = config.architectures ?? [];
  if (architecture !== ARCHITECTURE) throw unsupported(name, architecture);
  if (model.config.kinds < 2) throw unsupported(name, "one that knows no pairs of texts");
  const file = openWeights(weightsPath);
  try {
    const head = file.tensors.get("classifier.weight");
    if (!head) throw unsupported(name, "one without a classification head");
    const [labels = 0] = head.shape;
    if (labels !== 1) throw unsupported(name, `one with ${labels} labels`);
  } finally {
    file.close();
  }
}

const unsupported = (name: string, found: string) =>
  new RagError(
    "model/unsupported",
    `${name}: expected a cross-encoder (${ARCHITECTURE} with one label), found ${found}; use one such as cross-encoder/ms-marco-MiniLM-L6-v2.`,
  );
