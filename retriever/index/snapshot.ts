import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { sha256File, systemCode, temporaryPath, writeFileAtomic } from "../../core/index.ts";
import { HnswIndex } from "./hnsw-index.ts";

/** What a snapshot must agree with before a byte of it reaches native code. */
export interface SnapshotKey {
  readonly embedderId: string;
  readonly dimension: number;
}

const MAX_IDS = 2 ** 26;
const schema = z.strictObject({
  version: z.literal(1),
  embedderId: z.string(),
  dimension: z.int().positive(),
  file: z.string().regex(/^index-[0-9a-f]{16}\.hnsw$/),
  sha256: z.string(),
  byteLength: z.int().nonnegative(),
  ids: z.array(z.int().nonnegative()).max(MAX_IDS),
});

const MANIFEST = "index.json";

/**
 * Saves the index of a store: the graph under a name made from its checksum, then the manifest that vouches for it.
 * Killed in between, the old pair is still whole.
 */
export async function saveSnapshot(
  folder: string,
  index: HnswIndex,
  key: SnapshotKey,
): Promise<void> {
  const temporary = temporaryPath(join(folder, "index.hnsw"));
  try {
    index.write(temporary);
    const handle = await open(temporary, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    const checksum = await sha256File(temporary);
    const { size } = await stat(temporary);
    const file = `index-${checksum.slice(0, 16)}.hnsw`;
    const before = await readManifest(folder);
    await rename(temporary, join(folder, file));
    await writeFileAtomic(
      join(folder, MANIFEST),
      JSON.stringify({
        version: 1,
        ...key,
        file,
        sha256: checksum,
        byteLength: size,
        ids: [...index.ids],
      }),
    );
    if (before && before.file !== file) await rm(join(folder, before.file), { force: true });
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Loads the snapshot if it is whole and belongs to this embedder; undefined when it has to be built again. */
export async function loadSnapshot(
  folder: string,
  key: SnapshotKey,
): Promise<HnswIndex | undefined> {
  const manifest = await readManifest(folder);
  if (!manifest) return undefined;
  if (manifest.embedderId !== key.embedderId || manifest.dimension !== key.dimension) {
    return undefined;
  }
  const path = join(folder, manifest.file);
  if (!(await isIntact(path, manifest))) return undefined;
  return HnswIndex.read(path, key.dimension, manifest.ids);
}

async function isIntact(
  path: string,
  expected: { readonly byteLength: number; readonly sha256: string },
): Promise<boolean> {
  try {
    const { size } = await stat(path);
    return size === expected.byteLength && (await sha256File(path)) === expected.sha256;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

async function readManifest(folder: string): Promise<z.infer<typeof schema> | undefined> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
