import { copyFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fillFolder } from "../core/index.ts";
import {
  type DenseTensor,
  isGguf,
  openGguf,
  tokenizerConfigFromGguf,
  tokenizerJsonFromGguf,
  writeSafetensors,
} from "../runtime/index.ts";
import { planModel } from "./families/index.ts";
import type { Part, TensorNames } from "./families/plan.ts";
import { huggingFaceConfig } from "./huggingface-config.ts";
import type { Model } from "./model.ts";

/** What belongs to a model beside its weights, where it is read from a folder. */
const COMPANIONS = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
] as const;

/**
 * Refuses a model that {@link saveModel} cannot save, before hours are spent on its weights.
 * @throws RagError model/unsupported for a GGUF whose settings a config.json cannot hold
 */
export function requireSavable(model: Model): void {
  configToWrite(model);
}

/** The config.json of a model that has none of its own. */
function configToWrite(model: Model): object | undefined {
  const { config, weightsPath, tokenizer, bosToken, stopIds } = model;
  if (!isGguf(weightsPath)) return undefined;
  return huggingFaceConfig(config, { beginId: tokenizer.idOf(bosToken), endId: stopIds[0] });
}

/**
 * Saves weights as a model folder that transformers and {@link readModel} open: `model.safetensors` (f32) with the files
 * of the model they come from.
 * `weights`: all of them as f32, by their names in the layout.
 * @throws RagError file/write-failed, model/unsupported for a GGUF whose settings a config.json cannot hold
 */
export async function saveModel(
  model: Model,
  weights: ReadonlyMap<string, DenseTensor>,
  folder: string,
): Promise<void> {
  const config = configToWrite(model);
  const tensors = toHuggingFace(model, weights);
  await fillFolder(folder, async () => {
    await writeSafetensors(join(folder, "model.safetensors"), tensors, { format: "pt" });
    if (config) await describeGguf(model, config, folder);
    else await copyCompanions(model.weightsPath, folder);
  });
}

async function copyCompanions(weightsPath: string, folder: string): Promise<void> {
  const isFolder = (await stat(weightsPath)).isDirectory();
  const source = isFolder ? weightsPath : dirname(weightsPath);
  for (const name of COMPANIONS) {
    const path = join(source, name);
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) await copyFile(path, join(folder, name));
  }
}

/** A GGUF file holds settings and tokenizer itself. */
async function describeGguf(model: Model, config: object, folder: string): Promise<void> {
  const file = openGguf(model.weightsPath);
  try {
    const write = (name: string, value: object) =>
      writeFile(join(folder, name), `${JSON.stringify(value, undefined, 1)}\n`);
    const [end] = model.stopIds;
    await write("config.json", config);
    await write("tokenizer.json", tokenizerJsonFromGguf(file));
    await write("tokenizer_config.json", {
      tokenizer_class: "PreTrainedTokenizerFast",
      ...tokenizerConfigFromGguf(file.metadata, model.tokenizer.tokenOf),
      ...(end === undefined ? {} : { eos_token: model.tokenizer.tokenOf(end) }),
    });
    if (model.chatTemplate)
      await writeFile(join(folder, "chat_template.jinja"), model.chatTemplate);
  } finally {
    file.close();
  }
}

/** Stacked matrices cut into the parts that transformers names. */
function toHuggingFace(
  { config }: Model,
  weights: ReadonlyMap<string, DenseTensor>,
): Map<string, DenseTensor> {
  const { projections, plain } = planModel(config);
  const tensors = new Map<string, DenseTensor>();
  for (const { name, parts, columns } of projections) {
    let row = 0;
    for (const part of parts) {
      const data = weights.get(name)!.data.subarray(row * columns, (row + part.rows) * columns);
      tensors.set(nameOf(part.weight), matrix(part, data, columns));
      const bias = weights.get(`${name}.bias`)?.data;
      if (part.bias && bias) {
        const own = bias.slice(row, row + part.rows);
        tensors.set(nameOf(part.bias), { shape: [part.rows], data: own });
      }
      row += part.rows;
    }
  }
  for (const { name, tensor } of plain) tensors.set(nameOf(tensor), weights.get(name)!);
  return tensors;
}

const nameOf = ({ huggingFace }: TensorNames): string => huggingFace[0]!;

function matrix({ rows, isTransposedInHuggingFace }: Part, data: Float32Array, columns: number) {
  if (!isTransposedInHuggingFace) return { shape: [rows, columns], data: data.slice() };
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = data[row * columns + column]!;
    }
  }
  return { shape: [columns, rows], data: out };
}
