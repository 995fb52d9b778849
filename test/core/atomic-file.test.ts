import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fillFolder, prepareFolderOf, writeAtomic, writeFileAtomic } from "../../core/index.ts";

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
    message: /a folder has this name: choose another/,
  });
});

test("a folder where a file is, or below one, is refused and says what to do", async () => {
  const file = join(folder, "taken");
  await writeFileAtomic(file, "x");
  const refused = { code: "file/write-failed", message: /taken.*a file stands where a folder/ };
  await assert.rejects(
    fillFolder(file, async () => {}),
    refused,
  );
  await assert.rejects(
    fillFolder(join(file, "below"), async () => {}),
    refused,
  );
  await assert.rejects(writeFileAtomic(join(file, "below"), "x"), refused);
  assert.equal(await readFile(file, "utf8"), "x");
});

test("what fails in filling a folder is the system's or stays what it is", async () => {
  const path = join(folder, "filled");
  await fillFolder(path, () => writeFileAtomic(join(path, "a"), "x"));
  assert.deepEqual(await readdir(path), ["a"]);
  const missing = fillFolder(path, async () => void (await readdir(join(path, "missing"))));
  await assert.rejects(missing, { code: "file/write-failed", message: /filled.*check free space/ });
  const own = fillFolder(path, () => Promise.reject(new TypeError("mine")));
  await assert.rejects(own, TypeError);
});

test("below a file nothing is written or prepared, and the error names no other path", async () => {
  await writeFileAtomic(join(folder, "file"), "x");
  const path = join(folder, "file", "report.html");
  const message = `${path}: could not be written (E…); a file stands where a folder is needed: choose another name, or move the file away. Nothing was changed.`;
  for (const write of [() => writeFileAtomic(path, "x"), () => prepareFolderOf(path)]) {
    await assert.rejects(write, (error: Error & { code: string }) => {
      assert.equal(error.code, "file/write-failed");
      assert.equal(error.message.replace(/\(E\w+: [a-z ]+\)/, "(E…)"), message);
      return true;
    });
  }
});
