import { mkdir, statfs } from "node:fs/promises";
import { freemem } from "node:os";
import { errorMessage, RagError } from "../../core/index.ts";
import type { TrainerSettings } from "../../generator/index.ts";
import type { TuneSettings } from "../tune-settings.ts";

const GIBIBYTE = 2 ** 30;
const MOST_MEMORY = 6 * GIBIBYTE;
const FREE_MEMORY_SHARE = 0.4;
const MOST_DISK = 16 * GIBIBYTE;
const FREE_DISK_SHARE = 0.25;

type Room = Pick<TuneSettings, "passageCacheBytes" | "passageDiskBytes">;

/** Room in memory for passages' keys and values: as set, else 40% of what is free now, at most 6 GiB. It changes no result. */
export const passageCacheBytesOf = ({ passageCacheBytes }: Room): number =>
  passageCacheBytes ?? Math.min(MOST_MEMORY, Math.floor(FREE_MEMORY_SHARE * freemem()));

/**
 * Room on disk for what memory has no room for: as set, else a quarter of the free space, at most 16 GiB. It changes no result.
 * @throws RagError file/write-failed when the folder cannot be made
 */
export async function passageFolderOf(
  { passageDiskBytes }: Room,
  path: string,
): Promise<TrainerSettings["passageFolder"]> {
  if (passageDiskBytes === 0) return undefined;
  try {
    await mkdir(path, { recursive: true });
    const { bavail, bsize } = await statfs(path);
    const room = Math.min(MOST_DISK, Math.floor(FREE_DISK_SHARE * bavail * bsize));
    return { path, maxBytes: passageDiskBytes ?? room };
  } catch (cause) {
    throw new RagError(
      "file/write-failed",
      `${path}: passages cannot be kept here while training (${errorMessage(cause)}); check permissions, or train with --passage-disk-bytes 0.`,
      { cause },
    );
  }
}
