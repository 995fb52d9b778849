import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { lock } from "proper-lockfile";
import { RagError, systemCode, systemReason } from "./error.ts";

export interface FileLockOptions {
  /** How long to wait for another owner, in milliseconds; 0 fails at once. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Called once when somebody else holds the lock. */
  readonly onWait?: () => void;
}

const RETRY_MS = 250;
/** A lock whose owner stopped renewing it (it crashed) is taken over after this time. */
const STALE_MS = 10_000;

/**
 * Runs `work` while holding the lock beside `path` (a folder `path.lock`), across processes.
 * @throws RagError file/locked when another process keeps it longer than `waitMs`, or took it over because this one was too busy or asleep
 *   to renew it (what the work still does cannot be called back); file/write-failed when the lock cannot be made
 */
export async function withFileLock<Result>(
  path: string,
  options: FileLockOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  await mkdir(dirname(path), { recursive: true }).catch((cause) => failToLock(path, cause));
  let isLost = false;
  let fail: (error: RagError) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // The library's own answer is to throw out of a timer, which ends the process.
  const release = await acquire(path, options, () => {
    isLost = true;
    fail(takenOver(path));
  });
  try {
    return await Promise.race([work(), lost]);
  } finally {
    if (!isLost) await release();
  }
}

async function acquire(
  path: string,
  options: FileLockOptions,
  onCompromised: () => void,
): Promise<() => Promise<void>> {
  const deadline = Date.now() + options.waitMs;
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await lock(path, {
        realpath: false,
        stale: STALE_MS,
        update: STALE_MS / 4,
        onCompromised,
      });
    } catch (cause) {
      if (systemCode(cause) !== "ELOCKED") failToLock(path, cause);
      if (!told) options.onWait?.();
      told = true;
      if (Date.now() >= deadline) {
        throw new RagError(
          "file/locked",
          `${path}: another foreword process is using it; wait for it to end and try again.`,
          { cause },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

const takenOver = (path: string): RagError =>
  new RagError(
    "file/locked",
    `${path}: its lock was taken over or removed while this process was busy or asleep; see that nothing else uses it and try again.`,
  );

function failToLock(path: string, cause: unknown): never {
  throw new RagError(
    "file/write-failed",
    `${path}: could not be locked (${systemReason(cause)}); check free space and permissions.`,
    { cause },
  );
}
