import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { RagError, systemCode, systemReason } from "../../core/index.ts";
import { loadSqlite } from "./sqlite.ts";
import { storeError } from "./sqlite-errors.ts";
import { storeName } from "./store-name.ts";

export interface StoreLockOptions {
  /** What the owner does; told to whoever finds the store locked. */
  readonly job: string;
  /** How long to wait for another owner, in milliseconds; 0 (the default) fails at once. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once when another process has the lock, with words that name it. */
  readonly onWait?: (owner: string) => void;
}

/** An empty database: its lock is the operating system's, which lets go of it when the owner dies, however it dies. */
const LOCK_FILE = "writer.lock";
const OWNER_FILE = "writer.json";
const RETRY_MS = 200;
/**
 * The locks of this process. While its owner waits for something, nothing else may refer to a connection, and one that is collected as garbage
 * is closed, its lock with it.
 */
const held = new Set<{ close(): unknown }>();
const owner = z.object({ pid: z.int(), job: z.string().max(64), since: z.string().max(64) });

/**
 * Runs `work` as the only writer of a store, across processes. Readers are not kept out.
 * @throws RagError file/locked, naming the owner, when another one keeps it longer than `waitMs`; file/write-failed
 */
export async function withStoreLock<Result>(
  folder: string,
  options: StoreLockOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const release = await takeStoreLock(folder, options);
  let result: Result;
  try {
    result = await work();
  } catch (thrown) {
    // What went wrong first is what matters.
    await release().catch(() => {});
    throw thrown;
  }
  await release();
  return result;
}

/**
 * The same lock, until the result is called; it throws file/write-failed where the file that names the owner stays, and the lock is free even
 * then. @throws RagError as {@link withStoreLock}
 */
export async function takeStoreLock(
  folder: string,
  options: StoreLockOptions,
): Promise<() => Promise<void>> {
  const release = await acquire(folder, options);
  return () => letGo(folder, release);
}

/** The lock is free afterwards, whether or not the file that names its owner could be removed. */
async function letGo(folder: string, release: () => void): Promise<void> {
  try {
    await rm(join(folder, OWNER_FILE), { force: true });
  } catch (cause) {
    throw notWritable(folder, cause);
  } finally {
    release();
  }
}

async function acquire(folder: string, options: StoreLockOptions): Promise<() => void> {
  const { waitMs = 0, signal, onWait } = options;
  const deadline = Date.now() + waitMs;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const release = tryLock(folder, options.job);
    if (release) return release;
    const name = ownerOf(folder);
    if (attempt === 0) onWait?.(name);
    if (Date.now() >= deadline) {
      throw new RagError(
        "file/locked",
        `${storeName(folder)}: ${name} is writing to this store; wait for it to end and try again.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Undefined when another has it. */
function tryLock(folder: string, job: string): (() => void) | undefined {
  const path = join(folder, LOCK_FILE);
  const Sqlite = loadSqlite();
  let database: InstanceType<typeof Sqlite> | undefined;
  try {
    mkdirSync(folder, { recursive: true });
    database = new Sqlite(path, { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
    const since = new Date().toISOString();
    writeFileSync(join(folder, OWNER_FILE), JSON.stringify({ pid: process.pid, job, since }));
    const lock = database;
    held.add(lock);
    return () => {
      held.delete(lock);
      lock.close();
    };
  } catch (thrown) {
    database?.close();
    if (/^SQLITE_(BUSY|LOCKED)/.test(systemCode(thrown) ?? "")) return undefined;
    const cause = storeError(thrown, join(storeName(folder), LOCK_FILE));
    if (cause instanceof RagError) throw cause;
    throw notWritable(folder, cause);
  }
}

const notWritable = (folder: string, cause: unknown): RagError =>
  new RagError(
    "file/write-failed",
    `${storeName(folder)}: cannot be written (${systemReason(cause)}); check permissions and space.`,
    { cause },
  );

function ownerOf(folder: string): string {
  try {
    const { pid, job, since } = owner.parse(
      JSON.parse(readFileSync(join(folder, OWNER_FILE), "utf8")),
    );
    return `another foreword process (${job}, process ${pid}, since ${since})`;
  } catch {
    // It is just starting or ending; who it is matters less than that it is there.
    return "another foreword process";
  }
}
