import assert from "node:assert/strict";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemReason, withoutFolders } from "../../core/index.ts";

const failure = (work: Promise<unknown>) =>
  work.then(
    () => assert.fail("it should fail"),
    (thrown: unknown) => thrown,
  );

test("what the system refuses is told in its words, and no path with it", async () => {
  const here = import.meta.filename;
  const missing = await failure(open(join(import.meta.dirname, "nothing, 'here'", "x")));
  assert.equal(systemReason(missing), "ENOENT: no such file or directory");
  const taken = await failure(mkdir(here));
  assert.equal(systemReason(taken), "EEXIST: file already exists");
  const coded = Object.assign(new Error("spawn /usr/bin/x ENOENT"), { code: "ENOENT" });
  assert.equal(systemReason(coded), "ENOENT");
});

test("other errors are told in their own", () => {
  assert.equal(systemReason(new Error("no, thanks")), "no, thanks");
  assert.equal(systemReason("thrown"), "thrown");
});

test("absolute paths lose their folders; relative ones, addresses and what only looks like a path stay", () => {
  for (const [message, told] of [
    ["/home/anna/store: is locked", "store: is locked"],
    ["C:\\Users\\Anna\\store: is locked", "store: is locked"],
    ["cannot open (/home/anna/store/a.db)", "cannot open (a.db)"],
    [`open '/home/anna/my "own" store'.`, `open 'my "own" store'.`],
    ["see file:///home/anna/a.mjs", "see a.mjs"],
    ["--out=/home/anna/a is there", "--out=a is there"],
  ] as const) {
    assert.equal(withoutFolders(message), told);
  }
  for (const message of [
    "./docs/handbook/a.md: there is no such file",
    "../data/x/qa.jsonl: gone",
    "run foreword ingest ./docs/x, or ~/docs/y",
    "docs/a/b.md: gone",
    "<store>/uploads/x.pdf: gone",
    "https://example.org/a/b: 404",
    "half and/or a 50/60 split",
  ]) {
    assert.equal(withoutFolders(message), message);
  }
});
