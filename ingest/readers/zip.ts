import { unzipSync } from "fflate";
import { errorMessage, RagError } from "../../core/index.ts";

const MAX_ENTRIES = 10_000;
/** Of the files of an archive together. */
export const MAX_UNPACKED_BYTES = 256 * 2 ** 20;

/**
 * Files of a zip archive whose name is `wanted`. Sizes are checked before anything is unpacked.
 * @throws RagError file/invalid for no archive or a damaged one, file/too-large
 */
export function unzip(
  bytes: Uint8Array,
  wanted: (name: string) => boolean,
): ReadonlyMap<string, Uint8Array> {
  checkZip(bytes);
  return new Map(Object.entries(run(bytes, wanted)));
}

/** @throws RagError file/invalid, file/too-large */
export function checkZip(bytes: Uint8Array): void {
  let entries = 0;
  let total = 0;
  run(bytes, (_, size) => {
    entries++;
    total += size;
    return false;
  });
  if (entries <= MAX_ENTRIES && total <= MAX_UNPACKED_BYTES) return;
  throw new RagError(
    "file/too-large",
    `unpacks to ${entries} files of ${total} bytes together, more than the ${MAX_ENTRIES} files and ${MAX_UNPACKED_BYTES} bytes allowed.`,
  );
}

function run(bytes: Uint8Array, wanted: (name: string, size: number) => boolean) {
  try {
    return unzipSync(bytes, { filter: ({ name, originalSize }) => wanted(name, originalSize) });
  } catch (cause) {
    throw new RagError(
      "file/invalid",
      `is damaged, or no zip archive as its type demands (${errorMessage(cause)}).`,
      { cause },
    );
  }
}
