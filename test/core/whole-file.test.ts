import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { fileBytes, readWholeFile } from "../../core/index.ts";

test("a packed file is unpacked, as far as the limit; what is wrong with it is named", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-files-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const write = async (name: string, data: string | Uint8Array) => {
    const path = join(folder, name);
    await writeFile(path, data);
    return path;
  };
  const packed = await write("a.txt.gz", gzipSync("content"));
  assert.equal((await readWholeFile(packed, { maxBytes: 7 })).toString(), "content");
  await assert.rejects(readWholeFile(packed, { maxBytes: 6 }), {
    code: "file/too-large",
    message: /^a\.txt\.gz: holds more than/,
  });
  const bomb = await write("bomb.gz", gzipSync(Buffer.alloc(2 ** 24)));
  let seen = 0;
  const read = async () => {
    for await (const piece of fileBytes(bomb, { maxBytes: 2 ** 20 })) seen += piece.length;
  };
  await assert.rejects(read, {
    code: "file/too-large",
    message: "holds more than 1 MB; split it.",
  });
  assert.ok(seen <= 2 ** 20);
  const cut = await write("cut.gz", gzipSync("content".repeat(1000)).subarray(0, 20));
  await assert.rejects(readWholeFile(cut, { maxBytes: 10_000 }), {
    code: "file/invalid",
    message: /cut\.gz: the gzip data is damaged or cut off/,
  });
  await assert.rejects(readWholeFile(join(folder, "none.gz"), { maxBytes: 1 }), {
    code: "file/not-found",
  });
});
