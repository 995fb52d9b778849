import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { sha256File, systemReason, writeFileAtomic } from "../../core/index.ts";
import { type CatalogueFile, type CatalogueModel, filesOf } from "./catalogue.ts";

const MANIFEST = "manifest.json";
const MAX_MANIFEST_BYTES = 1024 * 1024;

const manifestSchema = z.strictObject({
  format: z.literal(1),
  files: z.array(
    z.strictObject({
      path: z.string(),
      sha256: z.string(),
      bytes: z.number(),
      mtimeMs: z.number(),
    }),
  ),
});
type ManifestFile = z.infer<typeof manifestSchema>["files"][number];

/** Where a model's files lie. */
export function modelFolder(cacheFolder: string, name: string): string {
  return join(cacheFolder, "models", name);
}

/** Where they gather before they are checked; kept after a broken download, so that the next run continues it. */
export function partialFolder(cacheFolder: string, name: string): string {
  return join(cacheFolder, "models", `.${name}.partial`);
}

/** Where an engine keeps what it makes of weights of this fingerprint: their layouts and compiled graphs. */
export function layoutFolder(cacheFolder: string, fingerprint: string): string {
  return join(cacheFolder, layoutName(fingerprint));
}

const layoutName = (fingerprint: string): string => join("engine", fingerprint.slice(0, 16));

/**
 * Removes what engines made of weights of this fingerprint. Who has it open goes on with it, but Windows removes no file that is open.
 * @returns the folder in the cache where some of it is left, and why in the system's words; undefined when nothing is
 */
export async function removeLayouts(
  cacheFolder: string,
  fingerprint: string,
): Promise<string | undefined> {
  try {
    await rm(layoutFolder(cacheFolder, fingerprint), { recursive: true, force: true });
    return undefined;
  } catch (cause) {
    return `${layoutName(fingerprint)}: ${systemReason(cause)}`;
  }
}

/**
 * Which files are not yet in the folder. A file counts when the manifest, written after its checksum was verified,
 * still describes it (size and time of change): hundreds of megabytes are not read again at every start.
 */
export async function missingFiles(
  folder: string,
  model: CatalogueModel,
): Promise<readonly CatalogueFile[]> {
  const manifest = await readManifest(folder);
  const missing: CatalogueFile[] = [];
  for (const file of filesOf(model)) {
    const entry = manifest.find(({ path }) => path === file.path);
    const found = await fileStat(join(folder, file.path));
    const isKnown =
      entry?.sha256 === file.sha256 &&
      found?.size === file.bytes &&
      found.mtimeMs === entry.mtimeMs;
    if (!isKnown) missing.push(file);
  }
  return missing;
}

/**
 * Checks files by their content: those put there by hand, or touched since the manifest was written. Wrong ones are
 * removed.
 * @returns the files that are absent or were wrong
 */
export async function verifyFiles(
  folder: string,
  files: readonly CatalogueFile[],
  signal: AbortSignal,
): Promise<readonly CatalogueFile[]> {
  const missing: CatalogueFile[] = [];
  for (const file of files) {
    const path = join(folder, file.path);
    const found = await fileStat(path);
    const isRight = found?.size === file.bytes && (await sha256File(path, signal)) === file.sha256;
    if (isRight) continue;
    if (found !== undefined) await rm(path, { force: true, recursive: true });
    missing.push(file);
  }
  return missing;
}

/** Records that every file of the model has just been verified. */
export async function writeManifest(folder: string, model: CatalogueModel): Promise<void> {
  const files: ManifestFile[] = [];
  for (const { path, sha256 } of filesOf(model)) {
    const { size, mtimeMs } = await stat(join(folder, path));
    files.push({ path, sha256, bytes: size, mtimeMs });
  }
  const manifest = { format: 1, files };
  await writeFileAtomic(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** What can be believed of the manifest; a missing or damaged one says nothing, and the files are checked anew. */
async function readManifest(folder: string): Promise<readonly ManifestFile[]> {
  const path = join(folder, MANIFEST);
  const found = await fileStat(path);
  if (found === undefined || found.size > MAX_MANIFEST_BYTES) return [];
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? parsed.data.files : [];
  } catch {
    return [];
  }
}

async function fileStat(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  return stat(path).catch(() => undefined);
}
