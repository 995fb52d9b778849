import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, RagError, sha256, systemCode, temporaryPath } from "../core/index.ts";

/** Where keys and values of passages are kept when memory has no room for them. */
export interface PassageFolderOptions {
  readonly path: string;
  /** How many bytes there may be; by default a quarter of the free space, at most 16 GiB. */
  readonly maxBytes?: number | undefined;
}

const ROWS = ".rows";
const CHECKSUM_BYTES = 64;
const MOST_BYTES = 16 * 2 ** 30;
const FREE_SPACE_SHARE = 0.25;

/**
 * Keys and values of blocks of training examples' prefixes, one file each, named by what they were computed from and ending in a checksum.
 * Reading one is many times faster than computing it. A damaged or missing file is computed again, so the folder can go at any time.
 */
export class PassageFolder {
  readonly #path: string;
  #bytesLeft: number;
  /** The one write under way; the next waits for it. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, bytesLeft: number) {
    this.#path = path;
    this.#bytesLeft = bytesLeft;
  }

  /** @throws RagError file/write-failed */
  static async open({ path, maxBytes }: PassageFolderOptions): Promise<PassageFolder> {
    try {
      await mkdir(path, { recursive: true });
      let used = 0;
      for (const name of await readdir(path)) {
        // What a killed process was writing.
        if (name.endsWith(".tmp")) await rm(join(path, name), { force: true });
        else used += (await stat(join(path, name))).size;
      }
      return new PassageFolder(path, (maxBytes ?? (await roomAt(path))) - used);
    } catch (cause) {
      throw new RagError(
        "file/write-failed",
        `${path}: passages cannot be kept here while training (${errorMessage(cause)}); check permissions, or train with --passage-disk-bytes 0.`,
        { cause },
      );
    }
  }

  /** What was kept under a key (letters and digits), `byteLength` bytes, as it was written; undefined when it is not there or damaged. */
  async get(key: string, byteLength: number): Promise<ArrayBuffer | undefined> {
    await this.#writing;
    try {
      const file = await open(this.#file(key), "r");
      try {
        return await readRows(file, byteLength);
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return undefined;
      throw cause;
    }
  }

  /** Keeps rows if there is room; written while the caller goes on. A full disk only means that nothing more is kept. */
  set(key: string, data: Uint8Array): void {
    const size = data.byteLength + CHECKSUM_BYTES;
    if (size > this.#bytesLeft) return;
    this.#bytesLeft -= size;
    const before = this.#writing;
    this.#writing = before.then(() => this.#write(this.#file(key), data));
  }

  /** Waits for the last write. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(path: string, data: Uint8Array): Promise<void> {
    const temporary = temporaryPath(path);
    try {
      await writeFile(temporary, [data, sha256(data)]);
      await rename(temporary, path);
    } catch {
      // No room, or the folder went away: what is not kept is computed again, and the result is the same.
      this.#bytesLeft = 0;
      await rm(temporary, { force: true });
    }
  }

  #file(key: string): string {
    return join(this.#path, key + ROWS);
  }
}

async function roomAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return Math.min(MOST_BYTES, Math.floor(FREE_SPACE_SHARE * bavail * bsize));
}

/** Straight into the memory that is handed on: these are megabytes, many times a second. */
async function readRows(file: FileHandle, byteLength: number): Promise<ArrayBuffer | undefined> {
  if ((await file.stat()).size !== byteLength + CHECKSUM_BYTES) return undefined;
  const data = new Uint8Array(byteLength);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  const { bytesRead } = await file.read(data, 0, byteLength, 0);
  await file.read(checksum, 0, CHECKSUM_BYTES, byteLength);
  const isWhole = bytesRead === byteLength && checksum.toString("latin1") === sha256(data);
  return isWhole ? data.buffer : undefined;
}
