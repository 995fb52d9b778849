import { randomBytes } from "node:crypto";
import { access, constants, type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RagError, systemCode, systemReason } from "./error.ts";

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
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeAndRename(path, write);
  } catch (cause) {
    throw cause instanceof RagError ? cause : writeFailed(path, cause);
  }
}

async function writeAndRename(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, "wx");
    try {
      await write(file);
    } finally {
      await file.close();
    }
    await renameDurably(temporary, path);
  } catch (cause) {
    // What went wrong first is what matters; where not even the folder is right, nothing was left there.
    await rm(temporary, { force: true }).catch(() => {});
    throw cause;
  }
}

/**
 * Puts a whole file in the place of another, which may be there, in the same folder: its bytes and its name survive a power cut.
 * @throws what the system throws
 */
export async function renameDurably(from: string, to: string): Promise<void> {
  await sync(from, "r+");
  await rename(from, to);
  // Windows cannot open a folder as a file; its rename is durable through the journal.
  if (process.platform !== "win32") await sync(dirname(to), "r");
}

/**
 * Makes the folder of a file that is written at the end of long work, so that a wrong place is told at the beginning.
 * @throws RagError file/write-failed
 */
export async function prepareFolderOf(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw writeFailed(path, cause);
  }
}

/**
 * Makes a folder, which may be there, and has it filled. What was written of it before a failure stays.
 * @throws RagError file/write-failed when the system refuses, as where a file has the name
 */
export async function fillFolder(path: string, fill: () => Promise<void>): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await fill();
  } catch (cause) {
    const isOfTheSystem = cause instanceof Error && "syscall" in cause;
    if (!isOfTheSystem) throw cause;
    throw new RagError(
      "file/write-failed",
      `${path}: the folder could not be written (${systemReason(cause)}); ${whatToDo(cause)}.`,
      { cause },
    );
  }
}

const writeFailed = (path: string, cause: unknown): RagError =>
  new RagError(
    "file/write-failed",
    `${path}: could not be written (${systemReason(cause)}); ${whatToDo(cause)}. Nothing was changed.`,
    { cause },
  );

function whatToDo(cause: unknown): string {
  const code = systemCode(cause);
  if (code === "EISDIR") return "a folder has this name: choose another name for the file";
  return code === "EEXIST" || code === "ENOTDIR"
    ? "a file stands where a folder is needed: choose another name, or move the file away"
    : "check free space and permissions";
}

/** A name beside `path` that no other writer uses; recognisable as left over after a crash. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

async function sync(path: string, flags: "r" | "r+"): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
