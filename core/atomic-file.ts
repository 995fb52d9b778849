import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorMessage, RagError } from "./error.ts";

/**
 * Writes a whole file or nothing: temp file in the same folder, fsync, rename, fsync of the folder.
 * A reader sees the old bytes or the new ones; a failure leaves the old ones and no temp file.
 * @throws RagError file/write-failed (full disk, read-only folder, …)
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await writeAtomic(path, async (file) => {
    await file.writeFile(data);
  });
}

/** Like {@link writeFileAtomic}, for content written piece by piece to the open temp file. */
export async function writeAtomic(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, "wx");
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    if (cause instanceof RagError) throw cause;
    throw new RagError(
      "file/write-failed",
      `${path}: could not be written (${errorMessage(cause)}); check free space and permissions. Nothing was changed.`,
      { cause },
    );
  }
}

/** A name beside `path` that no other writer uses; recognisable as left over after a crash. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder as a file; its rename is durable through the journal.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
