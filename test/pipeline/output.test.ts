import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { ENTRY, foreword, startForeword } from "./foreword.ts";

const FULL = "/dev/full";

let folder = "";
let model = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-output-"));
  model = join(await writeTinyModel(folder), "..");
  const pairs = Array.from({ length: 12 }, (_, index) =>
    JSON.stringify({ id: `p${index}`, input: `Lamp ${index}`, output: "red" }),
  );
  await writeFile(join(folder, "pairs.jsonl"), pairs.join("\n"));
  await writeFile(join(folder, "one.jsonl"), pairs[0]!);
});
after(() => rm(folder, { recursive: true, force: true }));

const tune = (name: string) =>
  startForeword(
    ["tune", "pairs.jsonl", "--json", "--model", model, "--name", name, "--epochs", "2"],
    { cwd: folder },
  );
const ended = async (child: ChildProcess) => (await once(child, "exit"))[0] as number | null;
const assertTrained = (name: string) => access(join(folder, ".foreword", "prompts", name));

test("a training whose reader goes away goes on to its end", async () => {
  const child = tune("unread");
  child.stderr!.resume();
  child.stdout!.once("data", () => child.stdout!.destroy());
  assert.equal(await ended(child), 0);
  await assertTrained("unread");
});

test("a training whose standard error is closed goes on to its end", async () => {
  const child = tune("unheard");
  child.stderr!.destroy();
  child.stdout!.resume();
  assert.equal(await ended(child), 0);
  await assertTrained("unheard");
});

test("a list whose reader is gone is no failure", async () => {
  const child = startForeword(["models", "ls"], { cwd: folder });
  child.stderr!.resume();
  child.stdout!.destroy();
  assert.equal(await ended(child), 0);
});

test("a result that cannot be written is one sentence and exit code 1", {
  skip: !existsSync(FULL),
}, async () => {
  const child = spawn(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), ENTRY, "models", "ls"],
    { cwd: folder, stdio: ["ignore", openSync(FULL, "w"), "pipe"] },
  );
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, "close");
  assert.equal(code, 1);
  assert.equal(
    stderr,
    "foreword: standard output: could not be written (ENOSPC: no space left on device); check the space and permissions of where it goes.\n",
  );
});

test("a training that holds nothing out says so, and tells no scores", async () => {
  const { code, stderr } = await foreword(
    ["tune", "one.jsonl", "--model", model, "--name", "whole", "--epochs", "2"],
    { cwd: folder },
  );
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Training on 1 examples, nothing held out;/);
  assert.doesNotMatch(stderr, /held-out EM/);
});
