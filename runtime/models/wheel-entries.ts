import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { type UnzipFile, UnzipInflate, UnzipPassThrough, Unzip as Unzipper } from "fflate";

/** An entry wanted from an archive and where it goes. */
export interface WantedEntry {
  readonly name: string;
  readonly bytes: number;
  readonly target: string;
}

const READ_BYTES = 1024 * 1024;

/**
 * Unpacks the wanted entries of a zip archive, piece by piece: memory use does not depend on their size, and no entry
 * gets longer than expected. No path in the archive decides where anything is written.
 * @throws Error when an entry is missing, has another size or cannot be unpacked
 */
export async function unpackEntries(
  archive: string,
  wanted: readonly WantedEntry[],
  signal: AbortSignal,
): Promise<void> {
  const writers = new Map(wanted.map((entry) => [entry.name, new EntryWriter(entry)]));
  const unzipper = new Unzipper((file) => writers.get(file.name)?.accept(file));
  unzipper.register(UnzipInflate);
  unzipper.register(UnzipPassThrough);
  try {
    for await (const piece of createReadStream(archive, { highWaterMark: READ_BYTES, signal })) {
      unzipper.push(piece);
    }
    unzipper.push(new Uint8Array(0), true);
    for (const writer of writers.values()) writer.finish(basename(archive));
  } finally {
    for (const writer of writers.values()) writer.close();
  }
}

class EntryWriter {
  readonly #entry: WantedEntry;
  #descriptor: number | undefined;
  #written = 0;

  constructor(entry: WantedEntry) {
    this.#entry = entry;
  }

  accept(file: UnzipFile): void {
    if (this.#descriptor !== undefined) throw new Error(`${this.#entry.name} is in it twice`);
    this.#descriptor = openSync(this.#entry.target, "wx");
    file.ondata = (error, data) => {
      if (error) throw error;
      this.#write(data);
    };
    file.start();
  }

  finish(archive: string): void {
    if (this.#written !== this.#entry.bytes) throw this.#wrongSize(archive);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #write(data: Uint8Array): void {
    if (this.#descriptor === undefined) return;
    if (this.#written + data.length > this.#entry.bytes) throw this.#wrongSize("the archive");
    for (let done = 0; done < data.length; ) {
      done += writeSync(this.#descriptor, data, done, data.length - done);
    }
    this.#written += data.length;
  }

  #wrongSize(archive: string): Error {
    return new Error(
      `${archive}: expected ${this.#entry.bytes} bytes of ${this.#entry.name}, found ${this.#written === 0 ? "none" : "another size"}`,
    );
  }
}
