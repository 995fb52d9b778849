import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { RagError, systemCode, systemReason } from "../../core/index.ts";

/** One `read` call may not ask for more than 2 GB on some systems. */
const READ_BYTES = 1 << 30;

/** An open file of fixed size, read at any position. Never reads past the size it had when opened. */
export class RandomAccessFile {
  readonly path: string;
  /** File name without folders, for messages. */
  readonly name: string;
  readonly size: number;
  #descriptor: number | undefined;

  /** @throws RagError file/not-found, file/unreadable */
  constructor(path: string) {
    this.path = path;
    this.name = basename(path);
    this.#descriptor = openFile(path);
    const stat = fstatSync(this.#descriptor);
    if (!stat.isFile()) {
      this.close();
      throw new RagError("file/unreadable", `${this.name}: expected a file, found a folder.`);
    }
    this.size = stat.size;
  }

  /**
   * `length` bytes from `position`, in a buffer of their own.
   * @throws RagError model/invalid when the file has become shorter since it was opened
   */
  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.#descriptor === undefined || position + length > this.size) {
      throw new RagError("internal", `${this.name}: read after close or past the end.`);
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const wanted = Math.min(length - done, READ_BYTES);
      const got = readSync(this.#descriptor, bytes, done, wanted, position + done);
      if (got === 0) {
        throw new RagError(
          "model/invalid",
          `${this.name}: expected ${this.size} bytes as when it was opened, found ${position + done}; it was changed meanwhile, start again.`,
        );
      }
      done += got;
    }
    return bytes;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") {
      throw new RagError("file/not-found", `${basename(path)}: no such file; check the path.`, {
        cause,
      });
    }
    throw new RagError(
      "file/unreadable",
      `${basename(path)}: could not be opened (${systemReason(cause)}); check permissions.`,
      { cause },
    );
  }
}
