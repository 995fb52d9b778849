import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { errorMessage, RagError, systemCode } from "./error.ts";

/**
 * A whole file in memory; one that is named `.gz` unpacked. No more than `maxBytes` (unpacked) are ever held.
 * @throws RagError file/not-found, file/unreadable, file/too-large, file/invalid (broken gzip); the signal's reason
 */
export async function readWholeFile(
  path: string,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  const name = basename(path);
  const file = createReadStream(path, signal ? { signal } : {});
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of /\.gz$/i.test(name) ? unzipped(file) : file) {
      size += piece.length;
      if (size > maxBytes) {
        throw new RagError(
          "file/too-large",
          `${name}: holds more than ${Math.floor(maxBytes / 2 ** 20)} MB; split it.`,
        );
      }
      pieces.push(piece);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof RagError ? cause : readError(name, cause);
  } finally {
    file.destroy();
  }
  return Buffer.concat(pieces);
}

function unzipped(file: Readable): Readable {
  const gunzip = createGunzip();
  file.on("error", (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}

function readError(name: string, cause: unknown): RagError {
  const code = systemCode(cause);
  if (code === "ENOENT") {
    return new RagError("file/not-found", `${name}: there is no such file; check the path.`, {
      cause,
    });
  }
  if (code?.startsWith("Z_")) {
    return new RagError(
      "file/invalid",
      `${name}: the gzip data is damaged or cut off (${errorMessage(cause)}); fetch the file again.`,
      { cause },
    );
  }
  const reason = code === "EISDIR" ? "it is a folder" : (code ?? errorMessage(cause));
  return new RagError("file/unreadable", `${name}: cannot be read (${reason}).`, { cause });
}
