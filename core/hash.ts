import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** sha256 of bytes or UTF-8 text, 64 lower-case hex digits. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** {@link sha256} of pieces of UTF-8 text, one after the other: together they may be longer than a string can be (512 MB). */
export function sha256OfPieces(pieces: Iterable<string>): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

/** sha256 of a file, read in pieces. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, signal ? { signal } : {})) hash.update(piece);
  return hash.digest("hex");
}
