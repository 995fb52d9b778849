import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openSafetensors, openWeights, writeSafetensors } from "../../runtime/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { writeSafetensorsBytes } from "./weight-fixtures.ts";

const entry = (begin: number, end: number, shape: number[] = [2], dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

function refuses(header: unknown, dataBytes: number, message: RegExp, headerLength?: bigint) {
  return (context: TestContext) => {
    const path = join(temporaryFolder(context), "bad.safetensors");
    writeSafetensorsBytes(path, header, dataBytes, headerLength);
    assert.throws(() => openSafetensors(path), { code: "model/invalid", message });
  };
}

test("what is written is read back: values, shapes, metadata", async (context) => {
  const path = join(temporaryFolder(context), "a.safetensors");
  const data = Float32Array.of(1, -0, 3.5, 4, 5, 6e-30);
  await writeSafetensors(path, new Map([["w", { shape: [2, 3], data }]]), { note: "é" });
  const file = openSafetensors(path);
  context.after(() => file.close());
  assert.deepEqual(file.tensors.get("w")?.shape, [2, 3]);
  assert.deepEqual(file.readF32("w"), data);
  assert.equal(file.readRaw("w").length, 24);
  assert.deepEqual({ ...file.metadata }, { note: "é" });
});

test("the same tensors give the same bytes in whatever order they come", async (context) => {
  const folder = temporaryFolder(context);
  const a = { shape: [1], data: Float32Array.of(1) };
  const b = { shape: [2], data: Float32Array.of(2, 3) };
  const tensors: [string, typeof a][] = [
    ["b", b],
    ["10", a],
    ["2", a],
  ];
  await writeSafetensors(join(folder, "one"), new Map(tensors), { x: "1", a: "2" });
  await writeSafetensors(join(folder, "two"), new Map(tensors.toReversed()), { a: "2", x: "1" });
  const bytes = readFileSync(join(folder, "one"));
  assert.deepEqual(readFileSync(join(folder, "two")), bytes);
  assert.equal(bytes.readBigUInt64LE() % 8n, 0n);
  assert.deepEqual([...openSafetensors(join(folder, "one")).tensors.keys()].sort(), [
    "10",
    "2",
    "b",
  ]);
});

test("a shape that does not fit its data is not written", async (context) => {
  const folder = temporaryFolder(context);
  const tensors = new Map([["w", { shape: [3], data: Float32Array.of(1) }]]);
  await assert.rejects(writeSafetensors(join(folder, "w"), tensors), { code: "model/invalid" });
  assert.deepEqual(readdirSync(folder), []);
});

test("a file shorter than its length field is refused", (context) => {
  const path = join(temporaryFolder(context), "short.safetensors");
  writeFileSync(path, "abc");
  assert.throws(() => openSafetensors(path), { message: /short.*expected at least 8 bytes.*3/ });
});

test("an empty file is refused by name", (context) => {
  const path = join(temporaryFolder(context), "empty.safetensors");
  writeFileSync(path, "");
  assert.throws(() => openSafetensors(path), { code: "model/invalid", message: /empty/ });
  assert.throws(() => openWeights(path), { code: "model/invalid", message: /empty/ });
});

test(
  "a header length past the file is refused before it is allocated",
  refuses("{}", 0, /header length: expected 2 to 2 bytes, found 9007199254740992/, 1n << 53n),
);
test("a header that is no JSON is refused", refuses("{not json", 0, /header: expected JSON/));
test("a header that is a list is refused", refuses("[1,2]", 0, /expected a JSON object/));
test("a deeply nested header is refused", refuses("[".repeat(200_000), 0, /header/));
test("a header in broken UTF-8 is refused", (context) => {
  const path = join(temporaryFolder(context), "bad.safetensors");
  writeSafetensorsBytes(path, '{"a":"\u00ff"}', 0);
  const bytes = readFileSync(path);
  bytes[14] = 0xff;
  writeFileSync(path, bytes);
  assert.throws(() => openSafetensors(path), { code: "model/invalid", message: /UTF-8/ });
});
test(
  "a name that occurs twice is refused",
  refuses(
    `{"w":${JSON.stringify(entry(0, 8))},"w":${JSON.stringify(entry(0, 8))}}`,
    8,
    /tensor "w": expected one entry, found two/,
  ),
);
test("tensors that overlap are refused", refuses({ a: entry(0, 8), b: entry(4, 12) }, 12, /"b"/));
test(
  "a hole between tensors is refused",
  refuses({ a: entry(0, 8), b: entry(12, 20) }, 20, /data/),
);
test("bytes after the last tensor are refused", refuses({ a: entry(0, 8) }, 12, /tensor data/));
test(
  "a tensor that ends outside the file is refused",
  refuses({ a: entry(0, 8) }, 4, /tensor "a": expected its end within the file/),
);
test(
  "offsets that disagree with the shape are refused",
  refuses(
    { a: entry(0, 8, [3]) },
    8,
    /"a", data_offsets: expected 12 bytes for F32 \[3\], found 8/,
  ),
);
test(
  "a shape whose size passes 2^53 is refused",
  refuses({ a: entry(0, 8, [2 ** 40, 2 ** 40]) }, 8, /"a", data_offsets/),
);
test("a negative dimension is refused", refuses({ a: entry(0, 8, [-2]) }, 8, /tensor "a"/));
test("an unknown number type is refused", refuses({ a: entry(0, 8, [2], "F31") }, 8, /dtype.*F31/));
test("an unknown field is refused", refuses({ a: { ...entry(0, 8), x: 1 } }, 8, /"x"/));
test("metadata that is no text is refused", refuses({ __metadata__: { a: 1 } }, 0, /__metadata__/));

test("reading a tensor that is not there names file and tensor", async (context) => {
  const path = join(temporaryFolder(context), "a.safetensors");
  await writeSafetensors(path, new Map());
  assert.throws(() => openSafetensors(path).readF32("w"), { message: /a\.safetensors.*"w"/ });
});

test("a file that was cut after opening is refused when read", async (context) => {
  const path = join(temporaryFolder(context), "a.safetensors");
  await writeSafetensors(path, new Map([["w", { shape: [4], data: new Float32Array(4) }]]));
  const file = openSafetensors(path);
  context.after(() => file.close());
  writeFileSync(path, readFileSync(path).subarray(0, 70));
  assert.throws(() => file.readF32("w"), { code: "model/invalid", message: /changed meanwhile/ });
});

test("a folder is opened by its model.safetensors or its shards", async (context) => {
  const folder = temporaryFolder(context);
  const shard = (value: number) => ({ shape: [1], data: Float32Array.of(value) });
  await writeSafetensors(join(folder, "s-1.safetensors"), new Map([["a", shard(1)]]));
  await writeSafetensors(join(folder, "s-2.safetensors"), new Map([["b", shard(2)]]));
  const weight_map = { a: "s-1.safetensors", b: "s-2.safetensors" };
  const index = join(folder, "model.safetensors.index.json");
  writeFileSync(index, JSON.stringify({ metadata: {}, weight_map }));
  const sharded = openWeights(folder);
  assert.deepEqual([...sharded.readF32("a"), ...sharded.readF32("b")], [1, 2]);
  sharded.close();
  await writeSafetensors(join(folder, "model.safetensors"), new Map([["a", shard(7)]]));
  const single = openWeights(folder);
  assert.deepEqual([...single.tensors.keys()], ["a"]);
  single.close();
});

test("a shard index that points outside its folder is refused", (context) => {
  const folder = temporaryFolder(context);
  const weight_map = { a: "../secret.safetensors" };
  const index = join(folder, "model.safetensors.index.json");
  writeFileSync(index, JSON.stringify({ weight_map }));
  assert.throws(() => openWeights(folder), { code: "model/invalid", message: /index\.json/ });
});

test("a folder without weights is refused, saying what was looked for", (context) => {
  const folder = temporaryFolder(context);
  assert.throws(() => openWeights(folder), {
    code: "file/not-found",
    message: /expected model\.safetensors, .*found 0 \.gguf/,
  });
});

test("a missing file, a folder and a pickle are refused by name", (context) => {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, "inner"));
  writeFileSync(join(folder, "model.pt"), "PK\u0003\u0004 and so on");
  assert.throws(() => openWeights(join(folder, "none.gguf")), { code: "file/not-found" });
  assert.throws(() => openSafetensors(join(folder, "inner")), { code: "file/unreadable" });
  assert.throws(() => openWeights(join(folder, "model.pt")), {
    code: "model/unsupported",
    message: /model\.pt.*pickle/,
  });
});
