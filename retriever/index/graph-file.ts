import { open } from "node:fs/promises";
import { basename } from "node:path";
import { RagError } from "../../core/index.ts";

const HEADER_BYTES = 96;
/** Places of 64-bit numbers in the header. */
const COUNT_AT = 16;
const ELEMENT_BYTES_AT = 24;

/**
 * Checks that a graph was written to its last byte: hnswlib does not notice when the disk is full.
 * Layout: header, elements of one size, then for each element the length of its upper links (u32) and these.
 * @throws RagError file/write-failed
 * @see hnswlib 0.8, HierarchicalNSW::saveIndex
 */
export async function requireWholeGraph(path: string, expectedCount: number): Promise<void> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const header = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
    const count = bytesRead === HEADER_BYTES ? Number(header.readBigUInt64LE(COUNT_AT)) : -1;
    const linksAt = HEADER_BYTES + count * Number(header.readBigUInt64LE(ELEMENT_BYTES_AT));
    if (count === expectedCount && linksAt <= size) {
      const links = Buffer.alloc(size - linksAt);
      await file.read(links, 0, links.length, linksAt);
      if (endsWhole(links, count)) return;
    }
    throw new RagError(
      "file/write-failed",
      `${basename(path)}: the index could not be written whole (${size} bytes); free some space. The documents are safe, and the index is built when it is needed.`,
    );
  } finally {
    await file.close();
  }
}

/** Whether the upper links of `count` elements fill the bytes exactly. */
function endsWhole(links: Buffer, count: number): boolean {
  let at = 0;
  for (let element = 0; element < count; element++) {
    if (at + 4 > links.length) return false;
    at += 4 + links.readUInt32LE(at);
  }
  return at === links.length;
}
