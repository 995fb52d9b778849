import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { sha256, sha256File, writeFileAtomic } from "../../core/index.ts";
import { openWeights, readShardIndex, weightsPathIn } from "../weights/index.ts";
import type { ResolvedModel } from "./model-store.ts";

const noteSchema = z.strictObject({ bytes: z.number(), mtimeMs: z.number(), sha256: z.string() });

/**
 * A model the user has on disk: a GGUF or safetensors file, or a folder with one.
 * @throws RagError file/not-found, file/unsupported, model/invalid when there are no readable weights
 */
export async function resolveLocalModel(
  path: string,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const weightsPath = resolve(weightsPathIn(path));
  // Opening checks the header: a wrong file is refused here, by name, and not when the model is built.
  openWeights(weightsPath).close();
  const isIndex = weightsPath.endsWith(".index.json");
  const fingerprint = isIndex
    ? await fingerprintShards(weightsPath, cacheFolder, signal)
    : await fingerprintFile(weightsPath, cacheFolder, signal);
  return { name: basename(path), folder: dirname(weightsPath), weightsPath, fingerprint };
}

/** sha256 over the shards' names and hashes: any changed weight changes it. */
async function fingerprintShards(
  indexPath: string,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<string> {
  const lines: string[] = [];
  for (const name of [...new Set(readShardIndex(indexPath).values())].sort()) {
    const hash = await fingerprintFile(join(dirname(indexPath), name), cacheFolder, signal);
    lines.push(`${hash}  ${name}\n`);
  }
  return sha256(lines.join(""));
}

/** sha256 of a file, remembered with its size and time of change. */
async function fingerprintFile(
  path: string,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<string> {
  const notePath = join(cacheFolder, "fingerprints", `${sha256(path)}.json`);
  const { size: bytes, mtimeMs } = await stat(path);
  const known = await readNote(notePath);
  if (known?.bytes === bytes && known.mtimeMs === mtimeMs) return known.sha256;
  const hash = await sha256File(path, signal);
  await writeFileAtomic(notePath, JSON.stringify({ bytes, mtimeMs, sha256: hash }));
  return hash;
}

/** A missing or damaged note only means that the file is hashed again. */
async function readNote(path: string): Promise<z.infer<typeof noteSchema> | undefined> {
  try {
    return noteSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}
