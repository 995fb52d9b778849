import assert from "node:assert/strict";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemReason } from "../../core/index.ts";

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
