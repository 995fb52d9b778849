import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { errorMessage, isForbidden, RagError, systemCode } from "./error.ts";

export interface FileLimits {
  /** Of the content, unpacked. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a file, piece by piece; one that is named `.gz` unpacked. Messages of its errors lack the file's name.
 * @throws RagError file/not-found, file/unreadable, file/too-large, file/invalid (broken gzip); the signal's reason
 */
export async function* fileBytes(
  path: string,
  { maxBytes, signal }: FileLimits,
): AsyncGenerator<Buffer> {
  const file = createReadStream(path, signal ? { signal } : {});
  let size = 0;
  try {
    for await (const piece of /\.gz$/i.test(path) ? unzipped(file) : file) {
      size += piece.length;
      if (size > maxBytes) {
        throw new RagError(
          "file/too-large",
          `holds more than ${Math.floor(maxBytes / 2 ** 20)} MB; split it.`,
        );
      }
      yield piece;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof RagError ? cause : readError(cause);
  } finally {
    file.destroy();
  }
}

/**
 * A whole file in memory; one that is named `.gz` unpacked. No more than `maxBytes` (unpacked) are ever held.
 * @throws RagError file/not-found, file/unreadable, file/too-large, file/invalid (broken gzip); the signal's reason
 */
export async function readWholeFile(path: string, limits: FileLimits): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of fileBytes(path, limits)) pieces.push(piece);
  } catch (cause) {
    if (!(cause instanceof RagError)) throw cause;
    throw new RagError(cause.code, `${basename(path)}: ${cause.message}`, { cause });
  }
  return Buffer.concat(pieces);
}

function unzipped(file: Readable): Readable {
  const gunzip = createGunzip();
  file.on("error", (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}

function readError(cause: unknown): RagError {
  const code = systemCode(cause);
  if (code === "ENOENT") {
    return new RagError("file/not-found", "there is no such file; check the path.", { cause });
  }
  if (isForbidden(cause)) {
    return new RagError("file/unreadable", "may not be read; check its permissions.", { cause });
  }
  if (code?.startsWith("Z_")) {
    return new RagError(
      "file/invalid",
      `the gzip data is damaged or cut off (${errorMessage(cause)}); fetch the file again.`,
      { cause },
    );
  }
  const reason = code === "EISDIR" ? "it is a folder" : (code ?? errorMessage(cause));
  return new RagError("file/unreadable", `cannot be read (${reason}).`, { cause });
}
