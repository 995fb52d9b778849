import { createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RagError, systemCode, temporaryPath } from "../core/index.ts";

export const UPLOAD_KINDS = ["documents", "questions"] as const;
export type UploadKind = (typeof UPLOAD_KINDS)[number];

/** The largest file that is taken. */
export const MAX_UPLOAD_BYTES = 200 * 2 ** 20;

/** Where a store keeps what was uploaded. */
export const uploadsFolder = (store: string, kind: UploadKind): string =>
  resolve(store, "uploads", kind);

/** @throws RagError request/too-large beyond {@link MAX_UPLOAD_BYTES} */
export function requireUploadSize(bytes: number): void {
  if (bytes <= MAX_UPLOAD_BYTES) return;
  throw new RagError(
    "request/too-large",
    `the file is larger than ${MAX_UPLOAD_BYTES / 2 ** 20} MiB; split it, or ingest it with foreword ingest.`,
  );
}

/**
 * Writes an upload whole or not at all; what is not read of the body of one that fails is left to its owner. `name`: a checked file name.
 * @throws RagError request/too-large beyond {@link MAX_UPLOAD_BYTES}
 */
export async function saveUpload(
  target: { readonly store: string; readonly kind: UploadKind; readonly name: string },
  body: Readable,
  signal: AbortSignal,
): Promise<{ readonly bytes: number }> {
  const folder = uploadsFolder(target.store, target.kind);
  await mkdir(folder, { recursive: true });
  const path = join(folder, target.name);
  const temporary = temporaryPath(path);
  let bytes = 0;
  try {
    await pipeline(
      // The pipeline destroys what it reads from, when it fails.
      body.pipe(new PassThrough()),
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          bytes += piece.length;
          requireUploadSize(bytes);
          yield piece;
        }
      },
      createWriteStream(temporary, { flags: "wx" }),
      { signal },
    );
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  return { bytes };
}

/** Names and sizes of the uploads of a kind, by name. */
export async function listUploads(
  store: string,
  kind: UploadKind,
): Promise<{ readonly name: string; readonly bytes: number }[]> {
  const folder = uploadsFolder(store, kind);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    throw cause;
  }
  const shown = names.filter((name) => !name.startsWith(".")).sort();
  return Promise.all(
    shown.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })),
  );
}
