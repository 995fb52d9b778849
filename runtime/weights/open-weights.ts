import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { parseJson, parseWith, RagError } from "../../core/index.ts";
import { openGguf } from "./gguf.ts";
import { RandomAccessFile } from "./random-access.ts";
import { openSafetensors } from "./safetensors.ts";
import { invalid, missingTensor, type TensorInfo, type WeightFile } from "./weight-file.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const MAX_INDEX_BYTES = 64 * 1024 * 1024;
const MAX_SHARDS = 1000;

const indexSchema = z.object({
  // A shard is a file beside the index: a name with a path in it could point anywhere.
  weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/)),
});

/**
 * Opens model weights: a GGUF or safetensors file, told apart by content, or a folder with `model.safetensors`,
 * `model.safetensors.index.json` and its shards, or exactly one GGUF file.
 * @throws RagError file/not-found, file/unreadable, model/invalid, model/unsupported
 */
export function openWeights(pathOrFolder: string): WeightFile {
  const path = weightsPathIn(pathOrFolder);
  if (basename(path) === INDEX) return openShards(path);
  const format = formatOf(path);
  return format === "gguf" ? openGguf(path) : openSafetensors(path);
}

/**
 * Whether what {@link openWeights} would open is a GGUF file, by its content.
 * @throws RagError file/not-found, file/unreadable, model/invalid, model/unsupported
 */
export function isGguf(pathOrFolder: string): boolean {
  const path = weightsPathIn(pathOrFolder);
  return basename(path) !== INDEX && formatOf(path) === "gguf";
}

/**
 * The weight file (or shard index) that {@link openWeights} would open; a file stands for itself.
 * @throws RagError file/not-found when a folder has none, file/unsupported when it has several
 */
export function weightsPathIn(pathOrFolder: string): string {
  const stat = statSync(pathOrFolder, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return pathOrFolder;
  for (const name of [SINGLE, INDEX]) {
    const path = join(pathOrFolder, name);
    if (existsSync(path)) return path;
  }
  const ggufs = readdirSync(pathOrFolder).filter((name) => name.toLowerCase().endsWith(".gguf"));
  if (ggufs.length === 1) return join(pathOrFolder, ggufs[0]!);
  throw new RagError(
    ggufs.length === 0 ? "file/not-found" : "file/unsupported",
    `${basename(pathOrFolder)}: expected ${SINGLE}, ${INDEX} or one .gguf file in the folder, found ${ggufs.length} .gguf files; name the weight file itself.`,
  );
}

function formatOf(path: string): "gguf" | "safetensors" {
  const file = new RandomAccessFile(path);
  try {
    const start = Buffer.from(file.read(0, Math.min(9, file.size)));
    if (start.toString("latin1", 0, 4) === "GGUF") return "gguf";
    if (start[8] === 0x7b) return "safetensors";
    if (start.toString("latin1", 0, 2) === "PK" || start[0] === 0x80) {
      throw new RagError(
        "model/unsupported",
        `${file.name}: expected safetensors or GGUF, found a PyTorch pickle, which could run code when loaded; convert it to safetensors.`,
      );
    }
    throw invalid(file.name, "content", "safetensors or GGUF", `${file.size} bytes of neither`);
  } finally {
    file.close();
  }
}

function openShards(indexPath: string): WeightFile {
  const folder = join(indexPath, "..");
  const shardOf = readShardIndex(indexPath);
  const shards = new Map<string, WeightFile>();
  try {
    for (const shard of new Set(shardOf.values())) {
      shards.set(shard, openSafetensors(join(folder, shard)));
    }
    return joinShards(indexPath, shardOf, shards);
  } catch (thrown) {
    for (const shard of shards.values()) shard.close();
    throw thrown;
  }
}

function joinShards(
  indexPath: string,
  shardOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, WeightFile>,
): WeightFile {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shard] of shardOf) {
    tensors.set(name, shards.get(shard)?.tensors.get(name) ?? missingTensor(shard, name));
  }
  const find = (name: string) =>
    shards.get(shardOf.get(name) ?? "") ?? missingTensor(basename(indexPath), name);
  return {
    path: indexPath,
    tensors,
    metadata: [...shards.values()][0]?.metadata ?? {},
    readF32: (name) => find(name).readF32(name),
    readRaw: (name) => find(name).readRaw(name),
    close: () => {
      for (const shard of shards.values()) shard.close();
    },
  };
}

/** The file of each tensor, as the index of a sharded model says. @throws RagError model/invalid */
export function readShardIndex(path: string): ReadonlyMap<string, string> {
  const name = basename(path);
  const size = statSync(path).size;
  if (size > MAX_INDEX_BYTES) throw invalid(name, "size", `at most ${MAX_INDEX_BYTES}`, size);
  const raw = parseJson(readFileSync(path, "utf8"), (problem) =>
    invalid(name, "content", "JSON", problem),
  );
  const map = new Map(
    Object.entries(parseWith(indexSchema, raw, name, "model/invalid").weight_map),
  );
  const count = new Set(map.values()).size;
  if (count === 0 || count > MAX_SHARDS) {
    throw invalid(name, "weight_map", `1 to ${MAX_SHARDS} files`, count);
  }
  return map;
}
