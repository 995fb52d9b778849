import { RagError } from "../../core/index.ts";

/** The largest file that is read whole. */
const MAX_FILE_BYTES = 256 * 2 ** 20;

/** @throws RagError file/too-large */
export function requireReadableSize(bytes: number): void {
  if (bytes <= MAX_FILE_BYTES) return;
  throw new RagError(
    "file/too-large",
    `has ${bytes} bytes, more than ${MAX_FILE_BYTES}; split it.`,
  );
}
