import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** sha256 of bytes or UTF-8 text, 64 lower-case hex digits. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** sha256 of a file, read in pieces. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, signal ? { signal } : {})) hash.update(piece);
  return hash.digest("hex");
}
