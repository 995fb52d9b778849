import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeAtomic, writeFileAtomic } from "../../core/index.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-core-"));
});
after(() => rm(folder, { recursive: true, force: true }));

test("a file is written whole and replaced whole, in folders that need not exist", async () => {
  const path = join(folder, "a", "b.txt");
  await writeFileAtomic(path, "one");
  await writeFileAtomic(path, "two");
  assert.equal(await readFile(path, "utf8"), "two");
  assert.deepEqual(await readdir(join(folder, "a")), ["b.txt"]);
});

test("a write that fails half way keeps the old file and leaves no temp file", async () => {
  const path = join(folder, "keep.txt");
  await writeFileAtomic(path, "old");
  const failing = writeAtomic(path, async (file) => {
    await file.write("half");
    throw new Error("disk on fire");
  });
  await assert.rejects(failing, { code: "file/write-failed", message: /keep\.txt.*disk on fire/ });
  assert.equal(await readFile(path, "utf8"), "old");
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("a target that is a folder is refused by name", async () => {
  const path = join(folder, "folder");
  await mkdir(path);
  await assert.rejects(writeFileAtomic(path, "x"), {
    code: "file/write-failed",
    message: /folder/,
  });
});
