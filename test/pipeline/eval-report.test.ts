import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { foreword } from "./foreword.ts";

let folder = "";
let model = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-report-"));
  model = join(await writeTinyModel(folder), "..");
  await writeFile(join(folder, "pairs.jsonl"), '{"id":"a","input":"Lamp 1","output":"red"}');
  await mkdir(join(folder, "taken"));
});
after(() => rm(folder, { recursive: true, force: true }));

const evaluate = (report: string) =>
  foreword(
    ["eval", "pairs.jsonl", "--arms", "rag", "--json", "--model", model, "--report", report],
    {
      cwd: folder,
    },
  );

test("a report that cannot be written costs no scores", async () => {
  const { code, stdout, stderr } = await evaluate("taken");
  assert.equal(code, 1, stderr);
  assert.equal(JSON.parse(stdout).n, 1);
  assert.match(stderr, /^foreword: taken: could not be written/m);
});

test("a report where there can be no folder is refused before the evaluation", async () => {
  const { code, stdout, stderr } = await evaluate("pairs.jsonl/report.html");
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^foreword: pairs\.jsonl\/report\.html: could not be written \(E\w+: [a-z ]+\); a file stands where a folder is needed: [^\n]*\n$/,
  );
});
