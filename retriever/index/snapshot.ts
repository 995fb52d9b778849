import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  renameDurably,
  sha256,
  sha256File,
  systemCode,
  temporaryPath,
  writeFileAtomic,
} from "../../core/index.ts";
import { requireWholeGraph } from "./graph-file.ts";
import { HnswIndex } from "./hnsw-index.ts";

/** What a snapshot must agree with before a byte of it reaches native code. */
export interface SnapshotKey {
  readonly embedderId: string;
  readonly dimension: number;
}

const MAX_IDS = 2 ** 26;
const schema = z.strictObject({
  version: z.literal(2),
  embedderId: z.string(),
  dimension: z.int().positive(),
  sequence: z.int().nonnegative(), // the store's, when the index agreed with it
  file: z.string().regex(/^index-[0-9a-f]{16}\.hnsw$/),
  sha256: z.string(),
  byteLength: z.int().nonnegative(),
  ids: z.array(z.int().nonnegative()).max(MAX_IDS),
  breadth: z.strictObject({ value: z.int().positive(), size: z.int().positive() }).optional(),
});

type Manifest = z.infer<typeof schema>;

const MANIFEST = "index.json";
const MAX_MANIFEST_BYTES = 2 ** 29;
/** Graphs, and those that a killed process was writing. */
const STALE_GRAPH = /^(index-[0-9a-f]{16}\.hnsw|\.index\.hnsw\.[0-9a-f]+\.tmp)$/;

/** What is written and read beside the index itself. */
export interface SnapshotPlace {
  readonly folder: string;
  readonly key: SnapshotKey;
}

/**
 * Saves the index of a store: the graph under a name made from its checksum, then the manifest that vouches for it. `vouch`
 * is called with the sha256 of the manifest before that is put in place, and with that of the one in place, so that the store
 * can tell its own snapshots from those of another. Killed in between, the old pair is still whole.
 * @throws RagError file/write-failed, also for a disk that is full, which hnswlib does not notice
 */
export async function saveSnapshot(
  { folder, key }: SnapshotPlace,
  { index, sequence }: { readonly index: HnswIndex; readonly sequence: number },
  vouch: (manifest: string, inPlace: string | undefined) => void,
): Promise<void> {
  const temporary = temporaryPath(join(folder, "index.hnsw"));
  try {
    index.write(temporary);
    // Of the moment of writing: the index may change while the file is made durable.
    const { breadth, ids } = { breadth: index.breadth, ids: [...index.ids] };
    await requireWholeGraph(temporary, index.stored);
    const checksum = await sha256File(temporary);
    const { size } = await stat(temporary);
    const file = `index-${checksum.slice(0, 16)}.hnsw`;
    await renameDurably(temporary, join(folder, file));
    const manifest = JSON.stringify({
      version: 2,
      ...key,
      sequence,
      file,
      sha256: checksum,
      byteLength: size,
      ids,
      breadth,
    });
    const inPlace = await readIfThere(join(folder, MANIFEST));
    vouch(sha256(manifest), inPlace === undefined ? undefined : sha256(inPlace));
    await writeFileAtomic(join(folder, MANIFEST), manifest);
    await removeGraphs(folder, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Removes the snapshot of a store that needs none any more, and what killed processes left of theirs. */
export async function removeSnapshot(folder: string): Promise<void> {
  await rm(join(folder, MANIFEST), { force: true });
  await removeGraphs(folder);
}

async function removeGraphs(folder: string, kept?: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name !== kept && STALE_GRAPH.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** What a look at a snapshot found: its manifest when it may be loaded, what is wrong with it in words, or neither where there is none. */
export interface SnapshotCheck {
  readonly manifest?: Manifest;
  readonly problem?: string;
}

/**
 * Loads the snapshot if it is whole and belongs to this store; otherwise it has to be built again. `vouched`: gives the sha256 of the
 * manifests that the store has vouched for by now. `sequence`: the store's, when the index agreed with it. No byte of the graph reaches native code before
 * its checksum was found right; one that another process replaces by a newer one meanwhile is left for that.
 */
export async function loadSnapshot(
  place: SnapshotPlace,
  vouched: () => readonly string[],
): Promise<{ readonly index: HnswIndex; readonly sequence: number } | undefined> {
  for (;;) {
    const { manifest } = await checkSnapshot(place, vouched());
    if (!manifest) return undefined;
    const path = join(place.folder, manifest.file);
    try {
      const index = await HnswIndex.read(path, place.key.dimension, manifest);
      return { index, sequence: manifest.sequence };
    } catch (thrown) {
      if (await isIntact(path, manifest)) throw thrown;
    }
  }
}

/** Whether a snapshot may be loaded. */
export async function checkSnapshot(
  { folder, key }: SnapshotPlace,
  vouched: readonly string[],
): Promise<SnapshotCheck> {
  const text = await readIfThere(join(folder, MANIFEST));
  if (text === undefined) return {};
  if (!vouched.includes(sha256(text))) {
    return { problem: "its manifest was not written by this store" };
  }
  const manifest = schema.parse(JSON.parse(text));
  if (manifest.embedderId !== key.embedderId || manifest.dimension !== key.dimension) {
    return { problem: "it holds vectors of another embedder" };
  }
  const isWhole = await isIntact(join(folder, manifest.file), manifest);
  return isWhole ? { manifest } : { problem: `${manifest.file} is damaged or gone` };
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

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    return size <= MAX_MANIFEST_BYTES ? await readFile(path, "utf8") : "";
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
