import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { RagError, Random } from "../../core/index.ts";
import { planModel } from "../../generator/families/index.ts";
import { readModel } from "../../generator/index.ts";
import { WeightParts } from "../../generator/weight-parts.ts";
import { openWeights } from "../../runtime/index.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { goldenFolder } from "../runtime/weight-fixtures.ts";
import { ggufTensors, writeGgufModel } from "./golden-gguf.ts";

type Mutate = (bytes: Buffer, random: Random) => Buffer;
const HUGE = [2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 32n, 2n ** 31n, 0n, 1n];

/** What is wrong with a file: bytes changed, a size made absurd, cut, grown, a piece repeated or blanked. */
const byteMutations = (headerBytes: number): readonly Mutate[] => [
  (bytes, random) => {
    for (let changes = 1 + random.integer(4); changes > 0; changes--) {
      bytes[random.integer(headerBytes)] = random.integer(256);
    }
    return bytes;
  },
  (bytes, random) => {
    const at = random.integer(headerBytes - 8);
    bytes.writeBigUInt64LE(HUGE[random.integer(HUGE.length)]!, at);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.integer(bytes.length)),
  (bytes, random) => {
    const at = random.integer(headerBytes);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.alloc(1 + random.integer(40), 0x31),
      bytes.subarray(at),
    ]);
  },
  (bytes, random) => {
    const [from, to] = [random.integer(headerBytes), random.integer(headerBytes)];
    bytes.copyWithin(to, from, from + random.integer(64));
    return bytes;
  },
  (bytes, random) => {
    // Inside the data: a number becomes NaN or infinite.
    const at = headerBytes + 4 * random.integer((bytes.length - headerBytes - 4) / 4);
    bytes.writeUInt32LE([0x7fc00000, 0xff800000, 0xffffffff][random.integer(3)]!, at);
    return bytes;
  },
];

const VALUES = [
  "-1",
  "0",
  "1e308",
  "9007199254740992",
  "null",
  "[]",
  "{}",
  '"x"',
  "true",
  "0.5",
  "NaN",
  "[[[[1]]]]",
  "3",
];

/** A value of the JSON text replaced, a key renamed, brackets without end, bytes changed. */
const jsonMutations: readonly Mutate[] = [
  (bytes, random) => {
    const text = bytes.toString();
    const values = [...text.matchAll(/: ([^,\n{[]+)/g)];
    const chosen = values[random.integer(values.length)]!;
    const at = chosen.index + 2;
    const value = VALUES[random.integer(VALUES.length)]!;
    return Buffer.from(text.slice(0, at) + value + text.slice(at + chosen[1]!.length));
  },
  (bytes, random) => {
    const text = bytes.toString();
    const keys = [...text.matchAll(/"(\w+)":/g)];
    const chosen = keys[random.integer(keys.length)]!;
    return Buffer.from(`${text.slice(0, chosen.index + 1)}x${text.slice(chosen.index + 1)}`);
  },
  (_bytes, random) => Buffer.from("[".repeat(random.integer(200_000))),
  (bytes, random) => {
    bytes[random.integer(bytes.length)] = random.integer(256);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.integer(bytes.length)),
];

/** Reads a model as the engine does: configuration, tokenizer, every weight. */
function readWhole(folder: string, weightsPath: string): void {
  const model = readModel({ name: "m", folder, weightsPath, fingerprint: "f".repeat(64) });
  const plan = planModel(model.config);
  const file = openWeights(model.weightsPath);
  try {
    const parts = new WeightParts(file, model.config, plan);
    for (const projection of plan.projections) {
      if (!parts.packed(projection)) parts.matrix(projection);
      parts.bias(projection);
    }
    for (const { tensor, shape } of plan.plain) parts.plain(tensor, shape);
  } finally {
    file.close();
  }
}

interface Target {
  readonly folder: string;
  readonly weightsPath: string;
  /** The file that is damaged. */
  readonly path: string;
  readonly mutations: readonly Mutate[];
}

/** Damages a file `count` times and reads the model each time. Only a RagError may come out; returns how many did. */
function countRefused(target: Target, count: number, seed: number): number {
  const whole = readFileSync(target.path);
  const random = new Random(seed);
  let refused = 0;
  for (let round = 0; round < count; round++) {
    const mutate = target.mutations[round % target.mutations.length]!;
    writeFileSync(target.path, mutate(Buffer.from(whole), random));
    try {
      readWhole(target.folder, target.weightsPath);
    } catch (thrown) {
      const where = `${basename(target.path)}, seed ${seed}, round ${round}`;
      assert.ok(
        thrown instanceof RagError,
        `${where}: ${thrown instanceof Error ? thrown.stack : thrown}`,
      );
      assert.notEqual(thrown.code, "internal", where);
      assert.ok(thrown.message.length < 2000, `${where}: ${thrown.message.length} characters`);
      refused++;
    }
  }
  writeFileSync(target.path, whole);
  return refused;
}

/** The bytes of every printable ASCII character, and one merge. */
const tokens = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));

function writeFolder(folder: string, family: string): void {
  mkdirSync(folder);
  for (const name of ["config.json", "model.safetensors"]) {
    cpSync(join(goldenFolder, "models", family, name), join(folder, name));
  }
  const tokenizer = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      vocab: Object.fromEntries([...tokens, "in"].map((token, id) => [token, id])),
      merges: ["i n"],
    },
  };
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer, null, 1));
}

const LIMIT = { timeout: 120_000 };

for (const [family, seed] of [
  ["qwen3", 21],
  ["gpt2", 22],
] as const) {
  test(`300 damaged safetensors files of ${family}: only typed errors`, LIMIT, (context) => {
    const folder = join(temporaryFolder(context), "model");
    writeFolder(folder, family);
    const path = join(folder, "model.safetensors");
    const headerBytes = 8 + Number(readFileSync(path).readBigUInt64LE());
    readWhole(folder, path);
    const target = { folder, weightsPath: path, path, mutations: byteMutations(headerBytes) };
    assert.ok(countRefused(target, 300, seed) > 200);
  });

  test(`300 damaged config.json files of ${family}: only typed errors`, LIMIT, (context) => {
    const folder = join(temporaryFolder(context), "model");
    writeFolder(folder, family);
    const target = {
      folder,
      weightsPath: join(folder, "model.safetensors"),
      path: join(folder, "config.json"),
      mutations: jsonMutations,
    };
    assert.ok(countRefused(target, 300, seed) > 150);
  });
}

test(
  "100 damaged shard indexes and 100 damaged tokenizer.json files: only typed errors",
  LIMIT,
  (context) => {
    const folder = join(temporaryFolder(context), "model");
    writeFolder(folder, "llama-tied");
    const file = openWeights(folder);
    const weight_map = Object.fromEntries(
      [...file.tensors.keys()].map((name) => [name, "model.safetensors"]),
    );
    file.close();
    const path = join(folder, "model.safetensors.index.json");
    writeFileSync(path, JSON.stringify({ metadata: { total_size: 1 }, weight_map }, null, 1));
    const target = { folder, weightsPath: path, path, mutations: jsonMutations };
    assert.ok(countRefused(target, 100, 23) > 40);
    assert.ok(countRefused({ ...target, path: join(folder, "tokenizer.json") }, 100, 24) > 40);
  },
);

test("600 damaged GGUF files: only typed errors", LIMIT, (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, "model.gguf");
  writeGgufModel(
    path,
    {
      "general.architecture": "llama",
      "llama.block_count": 3,
      "llama.context_length": 256,
      "llama.embedding_length": 48,
      "llama.feed_forward_length": 112,
      "llama.attention.head_count": 6,
      "llama.attention.head_count_kv": 2,
      "llama.attention.layer_norm_rms_epsilon": 1e-5,
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.pre": "gpt-2",
      "tokenizer.ggml.tokens": tokens,
      "tokenizer.ggml.merges": ["! !"],
    },
    ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true),
  );
  readWhole(folder, path);
  const data = [...ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true).values()];
  const dataBytes = data.reduce(
    (sum, tensor) => sum + Math.ceil(tensor.data.byteLength / 32) * 32,
    0,
  );
  const headerBytes = readFileSync(path).length - dataBytes;
  const target = { folder, weightsPath: path, path, mutations: byteMutations(headerBytes) };
  assert.ok(countRefused(target, 600, 25) > 300);
});
