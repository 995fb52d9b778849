import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { foreword } from "./foreword.ts";

/** Makes the native parts of all three packages impossible to load, as after an installation without its scripts. */
const WITHOUT_PARTS = `
process.dlopen = (_, file) => {
  throw Object.assign(new Error(file + ": cannot open shared object file"), { code: "ERR_DLOPEN_FAILED" });
};
`;

let folder = "";
let environment: NodeJS.ProcessEnv = {};
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-parts-"));
  const preload = join(folder, "without-parts.mjs");
  await writeFile(preload, WITHOUT_PARTS);
  environment = { NODE_OPTIONS: `--import ${pathToFileURL(preload)}` };
});
after(() => rm(folder, { recursive: true, force: true }));

const run = (...line: readonly string[]) => foreword(line, { cwd: folder, environment });

test("version and help work where native parts are missing", async () => {
  for (const flag of ["--version", "--help"]) {
    const { code, stdout, stderr } = await run(flag);
    assert.equal(code, 0, stderr);
    assert.notEqual(stdout, "");
  }
});

test("doctor names the native parts that are missing, and no folder of this machine", async () => {
  const { code, stdout, stderr } = await run("doctor", "--json", "--cache", "cache");
  assert.equal(code, 1, stderr);
  const { ok, findings } = JSON.parse(stdout);
  assert.equal(ok, false);
  for (const name of ["SQLite", "hnswlib", "ONNX Runtime"]) {
    const found = findings.find(({ check }: { check: string }) => check === name);
    assert.equal(found.ok, false, name);
    assert.match(found.detail, /cannot be loaded \(.*\); install Foreword again/);
    assert.ok(!found.detail.includes("node_modules"), found.detail);
  }
});

test("doctor finds them where they are", async () => {
  const { stdout } = await foreword(["doctor", "--json", "--cache", "cache"], { cwd: folder });
  const { findings } = JSON.parse(stdout);
  for (const name of ["SQLite", "hnswlib", "ONNX Runtime"]) {
    assert.ok(findings.some((one: { check: string; ok: boolean }) => one.check === name && one.ok));
  }
});

test("doctor tells a cache that cannot be written without this machine's folders", async () => {
  await writeFile(join(folder, "file"), "x");
  const { stdout } = await foreword(["doctor", "--json", "--cache", "file/cache"], { cwd: folder });
  const { findings } = JSON.parse(stdout);
  const found = findings.find(({ check }: { check: string }) => check === "model cache");
  assert.equal(found.ok, false);
  assert.match(
    found.detail,
    /^cannot be written \((ENOTDIR|EEXIST): [a-z ]+\); set FOREWORD_CACHE/,
  );
});

test("a store cannot be opened without SQLite, in one sentence", async () => {
  await writeFile(join(folder, "one.txt"), "A lamp.");
  const { code, stderr } = await run("ingest", "one.txt");
  assert.equal(code, 1);
  assert.match(stderr, /^foreword: .*SQLite cannot be loaded .*\n$/);
});
