import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CellStore } from "../../pipeline/compare/cell-store.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { type CommandResult, foreword } from "./foreword.ts";

const TINY_BERT = join(import.meta.dirname, "../fixtures/tiny-bert");
const SECRET = "hunter2";
/** JavaScript's own message about it would quote the word. */
const BROKEN = `{"apiKey": ${SECRET}}`;

let folder = "";
let model = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-secrets-"));
  await mkdir(at("model"));
  model = join(await writeTinyModel(at("model")), "..");
});
after(() => rm(folder, { recursive: true, force: true }));

const at = (...parts: readonly string[]) => join(folder, ...parts);

/** A copy of a model's folder with one file that is broken. */
async function brokenCopy(of: string, file: string): Promise<string> {
  const copy = at(`broken-${file}`);
  await mkdir(copy, { recursive: true });
  await cp(of, copy, { recursive: true });
  await writeFile(join(copy, file), BROKEN);
  return copy;
}

const run = (...line: readonly string[]) =>
  foreword(["--debug", "--store", at("store"), ...line], { cwd: folder });

function assertUntold({ code, stdout, stderr }: CommandResult, told: RegExp): void {
  assert.notEqual(code, 0);
  assert.match(stdout + stderr, told);
  assert.ok(!(stdout + stderr).includes(SECRET), stdout + stderr);
}

test("the configuration file", async () => {
  await writeFile(at("broken.config.json"), BROKEN);
  const result = await run("--config", at("broken.config.json"), "verify");
  assertUntold(result, /broken\.config\.json: .*no valid JSON \(line 1, column 12\)/);
});

test("a document", async () => {
  await writeFile(at("notes.json"), BROKEN);
  const result = await run("--embedder", TINY_BERT, "--json", "ingest", at("notes.json"));
  assertUntold(result, /is no valid JSON \(line 1, column 12\)/);
});

test("an experiment", async () => {
  await writeFile(at("experiment.json"), BROKEN);
  assertUntold(await run("compare", at("experiment.json")), /experiment\.json: is no valid JSON/);
});

test("a model's settings", async () => {
  const copy = await brokenCopy(model, "config.json");
  const result = await run("--model", copy, "ask", "--no-retrieval", "Who?");
  assertUntold(result, /config\.json: is no valid JSON/);
});

test("the list of a model's shards", async () => {
  const copy = at("shards");
  await mkdir(copy);
  await writeFile(join(copy, "model.safetensors.index.json"), BROKEN);
  const result = await run("--model", copy, "ask", "--no-retrieval", "Who?");
  assertUntold(result, /model\.safetensors\.index\.json: .*no valid JSON/);
});

/** A safetensors file with this header and no tensor. */
function safetensors(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header)]);
}

test("the header of a safetensors file", async () => {
  const copy = at("header");
  await mkdir(copy);
  await writeFile(join(copy, "model.safetensors"), safetensors(BROKEN));
  const result = await run("--model", copy, "ask", "--no-retrieval", "Who?");
  assertUntold(result, /header: .*no valid JSON/);
});

test("an embedder's settings", async () => {
  const copy = await brokenCopy(TINY_BERT, "config.json");
  const document = at("one.txt");
  await writeFile(document, "A lamp is red.");
  const result = await run("--embedder", copy, "ingest", document);
  assertUntold(result, /config\.json: .*no valid JSON/);
});

test("an adapter's settings", async () => {
  const adapter = at("adapter");
  await mkdir(adapter);
  await writeFile(join(adapter, "adapter_config.json"), BROKEN);
  await writeFile(join(adapter, "adapter_model.safetensors"), safetensors("{}"));
  const result = await run("--model", model, "prompts", "import", adapter, "--name", "p");
  assertUntold(result, /adapter_config\.json: is no valid JSON/);
});

test("a result of a comparison", async () => {
  await mkdir(at("cells"));
  await writeFile(at("cells", "cell.json"), BROKEN);
  await assert.rejects(new CellStore(folder).loadAnswered("cell"), (thrown: Error) => {
    assert.match(thrown.message, /is damaged \(no valid JSON/);
    return !thrown.message.includes(SECRET);
  });
});
