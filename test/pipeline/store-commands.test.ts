import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { defaultModel } from "../default-model.ts";
import { foreword } from "./foreword.ts";

/** A store's life on the command line, with the real embedder. Tests build on each other. */
describe("looking after a store on the command line", () => {
  let folder: string;
  const cache = defaultCacheFolder(process.env, process.platform, homedir());
  const run = (...commandArguments: string[]) =>
    foreword([...commandArguments, "--cache", cache, "--json"], { cwd: folder });
  const json = async (...commandArguments: string[]) => {
    const { code, stdout, stderr } = await run(...commandArguments);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  /** Whole at once: a file that is watched could be read between its making and its writing. */
  const write = async (name: string, text: string) => {
    const outside = join(folder, "unfinished");
    await writeFile(outside, text);
    await rename(outside, join(folder, "docs", name));
  };
  before(async () => {
    await defaultModel("all-minilm-l6-v2");
    folder = await mkdtemp(join(tmpdir(), "foreword-life-"));
    await mkdir(join(folder, "docs"));
    await write("tides.jsonl", '{"id":1,"text":"High water at noon."}');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("a dry run into a store that is not there makes none", async () => {
    const { documents, dryRun } = await json("ingest", "docs", "--dry-run");
    assert.deepEqual([documents.added, dryRun], [1, true]);
    assert.equal((await run("verify")).code, 1);
  });

  test("watch: a line for each change, and a clean end with Ctrl-C", async () => {
    const step = { next: '"watching"', at: 0 };
    const { code, stdout, stderr } = await foreword(["watch", "docs", "--json", "--cache", cache], {
      cwd: folder,
      onOutput: (child, text) => {
        if (!text.slice(step.at).includes(step.next)) return;
        step.at = text.length;
        if (step.next === '"synced"') child.kill("SIGINT");
        else void write("birds.jsonl", '{"id":1,"text":"A heron waits by the lock."}');
        step.next = '"synced"';
      },
    });
    assert.equal(code, 130, stderr);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ event, source }) => [event, source]),
      [
        ["added", "docs/tides.jsonl#1"],
        ["watching", undefined],
        ["added", "docs/birds.jsonl#1"],
        ["synced", undefined],
      ],
    );
    assert.equal(events[1].documents.added, 1);
  });

  test("backup, change, restore: the store is as it was, and whole", async () => {
    const saved = await json("store", "backup", "monday.backup");
    assert.deepEqual([saved.documents, saved.chunks, saved.file], [2, 2, "monday.backup"]);
    const again = await run("store", "backup", "monday.backup");
    assert.match(again.stderr, /^foreword: monday\.backup: is there already/);
    const whole = await run("store", "backup", join(folder, "monday.backup"));
    assert.equal(whole.stderr, again.stderr, "no folder is named");
    await rm(join(folder, "docs", "birds.jsonl"));
    assert.equal((await json("ingest", "docs", "--prune")).documents.removed, 1);
    assert.equal((await json("store", "restore", "monday.backup")).documents, 2);
    const { results } = await json("search", "heron", "--k", "1");
    assert.equal(results[0].source, "docs/birds.jsonl#1");
    assert.equal((await json("store", "compact")).documents, 2);
    const { ok, findings } = await json("store", "verify");
    assert.equal(ok, true);
    assert.deepEqual(
      findings.map(({ check }: { check: string }) => check),
      ["database", "documents", "index"],
    );
    const { embedded, chunks } = await json("reindex");
    assert.deepEqual([embedded, chunks], [0, 2]);
  });
});
