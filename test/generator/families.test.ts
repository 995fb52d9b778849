import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  configFromGguf,
  configFromHuggingFace,
  type DecoderConfig,
  Engine,
} from "../../generator/index.ts";
import { openWeights, type TensorType, writeSafetensors } from "../../runtime/index.ts";
import { largestDifference } from "../parity/check.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { goldenFolder, writeSafetensorsBytes } from "../runtime/weight-fixtures.ts";
import { type GgufTensorData, ggufTensors, writeGgufModel } from "./golden-gguf.ts";

const models = join(goldenFolder, "models");
const golden = (family: string) => join(models, family);
type Tensors = Map<string, { shape: readonly number[]; data: Float32Array }>;

function configOf(family: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  const raw = JSON.parse(readFileSync(join(golden(family), "config.json"), "utf8"));
  return { ...raw, ...change };
}

const parse = (family: string, change: Record<string, unknown> = {}) =>
  configFromHuggingFace(configOf(family, change), "config.json");

function tensorsOf(folder: string): Tensors {
  const file = openWeights(folder);
  const tensors = [...file.tensors.values()].map(
    ({ name, shape }) => [name, { shape, data: file.readF32(name) }] as const,
  );
  file.close();
  return new Map(tensors);
}

/** Scores of the golden ids by a model in f32. */
async function logitsOf(
  context: TestContext,
  config: DecoderConfig,
  weightsPath: string,
  ids: readonly number[],
): Promise<Float32Array> {
  const engine = await Engine.open(
    { name: "test", fingerprint: "test".padEnd(64, "0"), config, weightsPath },
    { cacheFolder: temporaryFolder(context), weights: "float32", threads: 1 },
  );
  try {
    return await engine.logits(ids);
  } finally {
    await engine.close();
  }
}

function recorded(family: string): { ids: number[]; logits: Float32Array } {
  const file = openWeights(join(golden(family), "golden.safetensors"));
  const [ids, logits] = [[...file.readF32("input_ids")], file.readF32("logits")];
  file.close();
  return { ids, logits };
}

async function assertGolden(
  context: TestContext,
  family: string,
  config: DecoderConfig,
  weightsPath: string,
) {
  const { ids, logits } = recorded(family);
  const found = await logitsOf(context, config, weightsPath, ids);
  assert.ok(largestDifference(found, logits) < 2e-4, String(largestDifference(found, logits)));
}

const SIZES = {
  block_count: 3,
  context_length: 256,
  embedding_length: 48,
  "attention.head_count": 6,
};
const ROTARY_SIZES = { ...SIZES, "attention.head_count_kv": 2, feed_forward_length: 112 };
const GGUF: Readonly<Record<string, { architecture: string; keys: Record<string, number> }>> = {
  "llama-tied": {
    architecture: "llama",
    keys: { ...ROTARY_SIZES, "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 100_000 },
  },
  mistral: {
    architecture: "llama",
    keys: { ...ROTARY_SIZES, "attention.layer_norm_rms_epsilon": 1e-6, "rope.dimension_count": 8 },
  },
  qwen2: {
    architecture: "qwen2",
    keys: { ...ROTARY_SIZES, "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e6 },
  },
  qwen3: {
    architecture: "qwen3",
    keys: {
      ...ROTARY_SIZES,
      "attention.layer_norm_rms_epsilon": 1e-6,
      "attention.key_length": 8,
      "attention.value_length": 8,
      "rope.freq_base": 1e6,
    },
  },
  gpt2: {
    architecture: "gpt2",
    keys: { ...SIZES, feed_forward_length: 192, "attention.layer_norm_epsilon": 1e-5 },
  },
};

function writeGguf(
  context: TestContext,
  family: string,
  change: Record<string, number | string> = {},
  more: ReadonlyMap<string, GgufTensorData> = new Map(),
): string {
  const { architecture, keys } = GGUF[family]!;
  const metadata: Record<string, number | string> = { "general.architecture": architecture };
  for (const [key, value] of Object.entries({ ...keys, ...change })) {
    metadata[`${architecture}.${key}`] = value;
  }
  const tensors = ggufTensors(golden(family), 8, architecture === "llama");
  for (const [name, tensor] of more) tensors.set(name, tensor);
  return writeGgufModel(join(temporaryFolder(context), "model.gguf"), metadata, tensors);
}

function ggufConfig(path: string): DecoderConfig {
  const file = openWeights(path);
  try {
    return configFromGguf(file);
  } finally {
    file.close();
  }
}

for (const family of Object.keys(GGUF)) {
  test(`${family} from GGUF, named and ordered as llama.cpp does, gives PyTorch's scores`, async (context) => {
    const path = writeGguf(context, family);
    await assertGolden(context, family, ggufConfig(path), path);
  });
}

test("Llama 3's stretched frequencies are read from the tensor rope_freqs.weight", async (context) => {
  // The factor of each wave of the golden model: theta 500000, factor 8, kept above 4 waves in 64, slowed below 1.
  const factors = Float32Array.from([0, 1, 2, 3], (i) => {
    const waves = 64 / (2 * Math.PI * 500_000 ** (i / 4));
    const blend = Math.min(1, Math.max(0, (waves - 1) / 3));
    return 1 / ((1 - blend) / 8 + blend);
  });
  const tensors = ggufTensors(golden("llama3-scaled-rope"), 8, true);
  tensors.set("rope_freqs.weight", { shape: [4], data: factors });
  const metadata = Object.fromEntries(
    Object.entries({ ...GGUF["mistral"]!.keys, "rope.freq_base": 500_000 }).map(([key, value]) => [
      `llama.${key}`,
      value,
    ]),
  );
  const path = writeGgufModel(
    join(temporaryFolder(context), "model.gguf"),
    { "general.architecture": "llama", ...metadata },
    tensors,
  );
  await assertGolden(context, "llama3-scaled-rope", ggufConfig(path), path);
});

test("GPT-2 saved without its head and with its masks gives the same scores", async (context) => {
  const folder = temporaryFolder(context);
  const tensors: Tensors = new Map(
    [...tensorsOf(golden("gpt2"))].map(([name, tensor]) => [
      name.replace("transformer.", ""),
      tensor,
    ]),
  );
  tensors.set("h.0.attn.bias", { shape: [1, 1, 4, 4], data: new Float32Array(16).fill(1) });
  tensors.set("h.0.attn.masked_bias", { shape: [], data: Float32Array.of(-10_000) });
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  await assertGolden(context, "gpt2", parse("gpt2"), join(folder, "model.safetensors"));
});

test("a Llama with attention_bias adds the biases of all four projections", async (context) => {
  // The golden Qwen2 is a Llama with biases; its output projection has none, so ours is zero.
  const tensors = tensorsOf(golden("qwen2"));
  for (const layer of [0, 1, 2]) {
    tensors.set(`model.layers.${layer}.self_attn.o_proj.bias`, {
      shape: [48],
      data: new Float32Array(48),
    });
  }
  const path = join(temporaryFolder(context), "model.safetensors");
  await writeSafetensors(path, tensors);
  const config = parse("qwen2", { model_type: "llama", attention_bias: true });
  await assertGolden(context, "qwen2", config, path);
});

test("heads may be narrower together than the hidden width", async (context) => {
  // Heads 3 to 5 silenced in the output projection is a model that has only heads 0 to 2.
  const whole = tensorsOf(golden("llama-tied"));
  const narrow: Tensors = new Map(whole);
  for (const layer of [0, 1, 2]) {
    const name = (part: string) => `model.layers.${layer}.self_attn.${part}_proj.weight`;
    const output = whole.get(name("o"))!.data.map((value, i) => (i % 48 < 24 ? value : 0));
    whole.set(name("o"), { shape: [48, 48], data: output });
    narrow.set(name("o"), { shape: [48, 24], data: output.filter((_, i) => i % 48 < 24) });
    narrow.set(name("q"), { shape: [24, 48], data: whole.get(name("q"))!.data.slice(0, 24 * 48) });
    for (const part of ["k", "v"]) {
      const { data } = whole.get(name(part))!;
      narrow.set(name(part), { shape: [8, 48], data: data.slice(0, 8 * 48) });
    }
  }
  const folder = temporaryFolder(context);
  const [wholePath, narrowPath] = [join(folder, "whole"), join(folder, "narrow")];
  await writeSafetensors(wholePath, whole);
  await writeSafetensors(narrowPath, narrow);
  const { ids } = recorded("llama-tied");
  const expected = await logitsOf(context, parse("llama-tied"), wholePath, ids);
  const config = parse("llama-tied", { num_attention_heads: 3, num_key_value_heads: 1 });
  const found = await logitsOf(context, config, narrowPath, ids);
  assert.ok(largestDifference(found, expected) < 1e-5);
});

for (const [type, round] of [
  ["F16", (bits: number) => bits & 0xffffe000],
  ["BF16", (bits: number) => bits & 0xffff0000],
] as const) {
  test(`weights in ${type} are the numbers they stand for`, async (context) => {
    const folder = temporaryFolder(context);
    // Values near 1, so that cutting mantissa bits makes an exact number of either type.
    const shape = [64, 2];
    const data = Float32Array.from({ length: 128 }, (_, i) => 1 + i / 200);
    const bits = new Uint32Array(data.buffer);
    for (const [i, value] of bits.entries()) bits[i] = round(value) >>> 0;
    const header = { w: { dtype: type, shape, data_offsets: [0, 256] } };
    const path = writeSafetensorsBytes(join(folder, "half.safetensors"), header, 256);
    const bytes = readFileSync(path);
    for (const [i, value] of bits.entries()) {
      const half = type === "BF16" ? value >>> 16 : ((value >>> 13) & 0x3ff) | halfExponent(value);
      bytes.writeUInt16LE(half, bytes.length - 256 + 2 * i);
    }
    writeFileSync(path, bytes);
    const file = openWeights(path);
    context.after(() => file.close());
    assert.equal(file.tensors.get("w")?.type, type satisfies TensorType);
    assert.deepEqual(file.readF32("w"), data);
  });
}

const halfExponent = (bits: number): number => (((bits >>> 23) & 255) - 112) << 10;

test("a model in shards gives the scores of the whole", async (context) => {
  const folder = temporaryFolder(context);
  const tensors = [...tensorsOf(golden("mistral"))];
  const weight_map: Record<string, string> = {};
  for (const [index, part] of [tensors.slice(0, 9), tensors.slice(9)].entries()) {
    const name = `model-0000${index + 1}-of-00002.safetensors`;
    await writeSafetensors(join(folder, name), new Map(part));
    for (const [tensor] of part) weight_map[tensor] = name;
  }
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  await assertGolden(context, "mistral", parse("mistral"), folder);
});

test("the older keys rope_theta and rope_scaling say the same as rope_parameters", () => {
  const { rope_parameters, ...rest } = configOf("llama3-scaled-rope");
  const { rope_theta, rope_type, ...scaling } = rope_parameters as Record<string, unknown>;
  const older = { ...rest, rope_theta, rope_scaling: { ...scaling, type: rope_type } };
  assert.deepEqual(configFromHuggingFace(older, "config.json"), parse("llama3-scaled-rope"));
});

test("a key that config.json leaves out has transformers' default for the family", () => {
  const without = (family: string, ...keys: string[]) => {
    const raw = configOf(family);
    for (const key of keys) delete raw[key];
    return configFromHuggingFace(raw, "config.json");
  };
  for (const family of ["llama-tied", "mistral", "qwen2", "qwen3"]) {
    assert.equal(without(family, "tie_word_embeddings").isTied, false, family);
  }
  assert.equal(without("gpt2", "tie_word_embeddings").isTied, true);
  assert.equal(without("gpt2", "n_inner").feedForward, 192);
  assert.equal(without("llama-tied", "num_key_value_heads").keyValueHeads, 6);
  assert.equal(without("qwen3", "head_dim").headDimension, 128);
  assert.equal(without("llama-tied", "head_dim").headDimension, 8);
  assert.equal(without("llama-tied", "rms_norm_eps").norm.epsilon, 1e-6);
});

test("the context ends where an attention window would begin to hide tokens", () => {
  assert.equal(parse("mistral", { sliding_window: 100 }).contextLength, 100);
  assert.equal(parse("mistral", { sliding_window: 4096 }).contextLength, 256);
  assert.equal(parse("qwen2", { sliding_window: 100 }).contextLength, 256);
  const windowed = { sliding_window: 100, use_sliding_window: true };
  assert.equal(parse("qwen3", windowed).contextLength, 100);
});

const unsupported: readonly (readonly [string, string, Record<string, unknown>, RegExp])[] = [
  ["another architecture", "gpt2", { model_type: "mamba" }, /"mamba".*llama.*gpt2/],
  ["yarn", "qwen2", { rope_parameters: { rope_type: "yarn", factor: 4 } }, /"yarn"/],
  ["older yarn", "llama-tied", { rope_parameters: null, rope_scaling: { type: "yarn" } }, /"yarn"/],
  ["partial rotation", "llama-tied", { partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
  ["a second activation", "mistral", { hidden_act: "gelu" }, /hidden_act.*"gelu".*"silu"/],
  ["quantised weights", "qwen3", { quantization_config: { quant_method: "gptq" } }, /quantiz/],
  ["settings per layer", "qwen3", { rope_parameters: { full_attention: {} } }, /layer to layer/],
  ["cross attention", "gpt2", { add_cross_attention: true }, /add_cross_attention/],
  ["scores by layer", "gpt2", { scale_attn_by_inverse_layer_idx: true }, /inverse_layer_idx/],
  ["GPT-2's other activations", "gpt2", { activation_function: "relu" }, /activation_function/],
];
for (const [what, family, change, message] of unsupported) {
  test(`config.json: ${what} is refused by name`, () =>
    assert.throws(() => parse(family, change), { code: "model/unsupported", message }));
}

const invalid: readonly (readonly [string, string, Record<string, unknown>, RegExp])[] = [
  ["2^53 layers", "llama-tied", { num_hidden_layers: 2 ** 53 }, /num_hidden_layers/],
  ["2^31 dimensions of a head", "qwen3", { head_dim: 2 ** 31 }, /head_dim/],
  ["a vocabulary of 10^12", "gpt2", { vocab_size: 1e12 }, /vocab_size/],
  ["a negative width", "mistral", { hidden_size: -48 }, /hidden_size/],
  ["heads that do not divide the width", "gpt2", { n_head: 7 }, /head dimension.*6\.857/],
  ["heads that do not share out", "qwen2", { num_key_value_heads: 4 }, /multiple of the 4/],
  ["an odd head", "llama-tied", { head_dim: 7 }, /even number.*7/],
  [
    "Llama 3 scaling in part",
    "llama3-scaled-rope",
    { rope_parameters: { rope_type: "llama3" } },
    /factor/,
  ],
  ["no model_type", "gpt2", { model_type: undefined }, /model_type/],
];
for (const [what, family, change, message] of invalid) {
  test(`config.json: ${what} is refused by name`, () =>
    assert.throws(() => parse(family, change), { code: "model/invalid", message }));
}

test("GGUF: unknown architectures, rotary scaling, experts and partial rotation are refused by name", (context) => {
  const refuses = (change: Record<string, number | string>, message: RegExp) =>
    assert.throws(() => ggufConfig(writeGguf(context, "qwen2", change)), {
      code: "model/unsupported",
      message,
    });
  refuses({ "rope.scaling.type": "yarn" }, /qwen2\.rope\.scaling\.type: "yarn"/);
  refuses({ "rope.dimension_count": 4 }, /rope\.dimension_count: 4/);
  refuses({ expert_count: 8 }, /expert_count: 8/);
  const path = join(temporaryFolder(context), "other.gguf");
  writeGgufModel(path, { "general.architecture": "rwkv6" }, new Map());
  assert.throws(() => ggufConfig(path), { message: /other\.gguf: architecture "rwkv6".*qwen3/ });
});

test("GGUF: rotary scaling is linear unless its type is none, as llama.cpp reads it", (context) => {
  const factorsOf = (change: Record<string, number | string>, own?: Float32Array) => {
    const more = own ? new Map([["rope_freqs.weight", { shape: [4], data: own }]]) : new Map();
    const { positions } = ggufConfig(writeGguf(context, "llama-tied", change, more));
    return positions.kind === "rotary" ? positions.factors : assert.fail();
  };
  const four = [4, 4, 4, 4];
  assert.equal(factorsOf({}), undefined);
  assert.deepEqual(factorsOf({ "rope.scaling.factor": 4 }), four);
  assert.deepEqual(factorsOf({ "rope.scaling.type": "linear", "rope.scaling.factor": 4 }), four);
  assert.deepEqual(factorsOf({ "rope.scale_linear": 4 }), four);
  const both = { "rope.scaling.factor": 2, "rope.scale_linear": 4 };
  assert.deepEqual(factorsOf(both), [2, 2, 2, 2]);
  assert.equal(factorsOf({ "rope.scaling.type": "none", "rope.scaling.factor": 4 }), undefined);
  assert.equal(factorsOf({ "rope.scaling.factor": 0 }), undefined);
  assert.deepEqual(
    factorsOf({ "rope.scaling.factor": 4 }, Float32Array.of(1, 1, 2, 8)),
    [4, 4, 8, 32],
  );
});

test("GGUF: a base of the rotation may be larger than any context", (context) => {
  const { positions } = ggufConfig(writeGguf(context, "llama-tied", { "rope.freq_base": 1e8 }));
  assert.deepEqual(positions, { kind: "rotary", base: 1e8 });
});

test("GGUF: a key that is missing is named with the file", (context) => {
  const path = join(temporaryFolder(context), "bare.gguf");
  writeGgufModel(path, { "general.architecture": "llama" }, new Map());
  assert.throws(() => ggufConfig(path), {
    code: "model/invalid",
    message: /^bare\.gguf: llama\.embedding_length/,
  });
});

async function assertRefused(
  context: TestContext,
  change: (tensors: Tensors) => void,
  message: RegExp,
): Promise<void> {
  const folder = temporaryFolder(context);
  cpSync(join(golden("llama-tied"), "config.json"), join(folder, "config.json"));
  const tensors = tensorsOf(golden("llama-tied"));
  change(tensors);
  const path = join(folder, "model.safetensors");
  await writeSafetensors(path, tensors);
  await assert.rejects(logitsOf(context, parse("llama-tied"), path, [1, 2]), {
    code: "model/invalid",
    message,
  });
}

test("a weight that is no number names its tensor", (context) =>
  assertRefused(
    context,
    (tensors) => {
      tensors.get("model.layers.1.mlp.up_proj.weight")!.data[77] = Number.NaN;
    },
    /model\.safetensors: tensor model\.layers\.1\.mlp\.up_proj\.weight: .*NaN at place 77/,
  ));

test("a missing tensor is named in both formats", (context) =>
  assertRefused(
    context,
    (tensors) => tensors.delete("model.layers.2.self_attn.k_proj.weight"),
    /model\.layers\.2\.self_attn\.k_proj\.weight \(in GGUF: blk\.2\.attn_k\.weight\)/,
  ));

test("a tensor of another shape is named with both shapes", (context) =>
  assertRefused(
    context,
    (tensors) => tensors.set("model.norm.weight", { shape: [47], data: new Float32Array(47) }),
    /model\.norm\.weight: expected shape \[48\].*found \[47\]/,
  ));
