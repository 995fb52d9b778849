import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { huggingFaceConfig } from "../../generator/huggingface-config.ts";
import {
  configFromHuggingFace,
  Generator,
  readModel,
  readTrainableWeights,
  saveModel,
} from "../../generator/index.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { goldenFolder } from "../runtime/weight-fixtures.ts";
import { byteLevelTokenizer } from "./byte-level.ts";
import { ggufTensors, writeGgufModel } from "./golden-gguf.ts";

const SIZES = {
  "general.architecture": "llama",
  "llama.block_count": 3,
  "llama.embedding_length": 48,
  "llama.attention.head_count": 6,
  "llama.attention.head_count_kv": 2,
  "llama.feed_forward_length": 112,
  "llama.context_length": 256,
  "llama.attention.layer_norm_rms_epsilon": 1e-5,
};
const TOKENIZER = {
  "tokenizer.ggml.model": "gpt2",
  "tokenizer.ggml.pre": "llama-bpe",
  "tokenizer.ggml.tokens": Array.from({ length: 160 }, (_, id) => `t${id}`),
  "tokenizer.ggml.merges": [],
};
const resolved = (weightsPath: string) => ({
  name: "tiny",
  folder: join(weightsPath, ".."),
  weightsPath,
  fingerprint: "0".repeat(64),
});

test("a GGUF file whose stretched frequencies stand in a tensor, as Llama 3.1's, is read whole", (context) => {
  const tensors = ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true);
  tensors.set("rope_freqs.weight", { shape: [4], data: Float32Array.of(1, 1, 4, 8) });
  const path = join(temporaryFolder(context), "model.gguf");
  writeGgufModel(path, { ...SIZES, ...TOKENIZER, "llama.rope.freq_base": 500_000 }, tensors);
  const { config, tokenizer } = readModel(resolved(path));
  assert.deepEqual(config.positions, { kind: "rotary", base: 500_000, factors: [1, 1, 4, 8] });
  assert.equal(tokenizer.idOf("t159"), 159);
});

test("a GGUF file is known by its content, whatever it is called", (context) => {
  const folder = temporaryFolder(context);
  const tensors = ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true);
  for (const name of ["MODEL.GGUF", "5f0c8a"]) {
    const path = writeGgufModel(join(folder, name), { ...SIZES, ...TOKENIZER }, tensors);
    assert.equal(readModel(resolved(path)).config.layers, 3);
  }
});

test("positions stretched equally are saved as linear scaling", (context) => {
  const tensors = ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true);
  const path = join(temporaryFolder(context), "model.gguf");
  writeGgufModel(path, { ...SIZES, ...TOKENIZER, "llama.rope.scaling.factor": 4 }, tensors);
  const { config } = readModel(resolved(path));
  const saved = huggingFaceConfig(config, { beginId: undefined, endId: 2 });
  assert.deepEqual(configFromHuggingFace(saved, "config.json"), config);
});

test("a GGUF model that is saved as a folder names the tokens it begins and ends with, each as it is", async (context) => {
  const folder = temporaryFolder(context);
  const tensors = ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true);
  const begin = { "tokenizer.ggml.bos_token_id": 1 };
  const end = { "tokenizer.ggml.eos_token_id": 2 };
  for (const [name, edges, begins] of [
    ["both", { ...begin, ...end }, 1],
    ["end", end, undefined],
  ] as const) {
    const path = join(folder, `${name}.gguf`);
    writeGgufModel(path, { ...SIZES, ...TOKENIZER, ...edges }, tensors);
    const model = readModel(resolved(path));
    const weights = await readTrainableWeights(model, { cacheFolder: folder });
    const out = join(folder, name);
    await saveModel(model, weights, out);
    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    assert.deepEqual([config.bos_token_id, config.eos_token_id], [begins, 2]);
    const again = readModel(resolved(join(out, "model.safetensors")));
    assert.deepEqual([again.bosToken, again.eosToken], [begins ? "t1" : "", "t2"]);
  }
});

test("a model that cannot be saved is refused before its weights are trained, and leaves no file", async (context) => {
  const folder = temporaryFolder(context);
  const tensors = ggufTensors(join(goldenFolder, "models", "llama-tied"), 8, true);
  tensors.set("rope_freqs.weight", { shape: [4], data: Float32Array.of(1, 1, 4, 8) });
  const path = writeGgufModel(join(folder, "model.gguf"), { ...SIZES, ...TOKENIZER }, tensors);
  const refused = { code: "model/unsupported", message: /stretched positions.*safetensors/ };
  const out = join(folder, "out");
  await assert.rejects(saveModel(readModel(resolved(path)), new Map(), out), refused);
  assert.equal(existsSync(out), false);
  const options = { cacheFolder: folder, weights: "float32", threads: 1 } as const;
  const generator = await Generator.open(resolved(path), options);
  try {
    const settings = { target: { kind: "full" }, trainingCacheBytes: 2 ** 20 } as const;
    await assert.rejects(generator.openTrainer(settings), refused);
  } finally {
    await generator.close();
  }
});

test("a chat template of a size that none has is not read", (context) => {
  const folder = temporaryFolder(context);
  cpSync(join(goldenFolder, "models", "llama-tied"), folder, { recursive: true });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(byteLevelTokenizer([])));
  writeFileSync(join(folder, "chat_template.jinja"), "");
  truncateSync(join(folder, "chat_template.jinja"), 2 ** 33);
  assert.throws(() => readModel(resolved(join(folder, "model.safetensors"))), {
    code: "model/invalid",
    message: /chat_template\.jinja: expected at most/,
  });
});
