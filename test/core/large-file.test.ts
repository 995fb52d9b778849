import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readBytes, writeBytes } from "../../core/index.ts";

/** A file whose calls are counted, and fail where they are asked for more than `most` bytes, as Node does from 2 GiB. */
function limited(file: Awaited<ReturnType<typeof open>>, most: number) {
  const lengths: number[] = [];
  const check = (length: number) => {
    assert.ok(length <= most, `${length} bytes in one call`);
    lengths.push(length);
  };
  const calls = {
    write: (bytes: Uint8Array, offset: number, length = bytes.byteLength - offset) => {
      check(length);
      return file.write(bytes, offset, length);
    },
    read: (bytes: Uint8Array, offset: number, length: number, position: number) => {
      check(length);
      return file.read(bytes, offset, length, position);
    },
  };
  return { file: calls as unknown as typeof file, lengths };
}

test("more bytes than one call takes are written and read in pieces", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-large-"));
  const path = join(folder, "file");
  const bytes = Uint8Array.from({ length: 25 }, (_, i) => i);
  const handle = await open(path, "w+");
  try {
    const { file, lengths } = limited(handle, 10);
    await writeBytes(file, Uint8Array.of(99, 98), 10);
    await writeBytes(file, bytes, 10);
    assert.deepEqual([...(await readFile(path))], [99, 98, ...bytes]);
    const read = new Uint8Array(25);
    assert.equal(await readBytes(file, read, 2, 10), 25);
    assert.deepEqual(read, bytes);
    assert.deepEqual(lengths, [2, 10, 10, 5, 10, 10, 5]);
    assert.equal(await readBytes(file, read, 20, 10), 7);
  } finally {
    await handle.close();
    await rm(folder, { recursive: true, force: true });
  }
});
