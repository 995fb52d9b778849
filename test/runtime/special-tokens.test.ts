import assert from "node:assert/strict";
import { test } from "node:test";
import { edgeTokensOf, tokenizerFromFiles, tokenizerFromGguf } from "../../runtime/index.ts";
import { beginningWith, byteLevelTokenizer } from "../generator/byte-level.ts";

const SPECIAL = ["<s>", "</s>"];
const startOf = (post_processor: unknown, config: object) =>
  tokenizerFromFiles(byteLevelTokenizer(SPECIAL, { post_processor }), config).startId;
const ggufStart = (change: Record<string, unknown>) =>
  tokenizerFromGguf({
    path: "model.gguf",
    tensors: new Map(),
    metadata: {
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.pre": "gpt-2",
      "tokenizer.ggml.tokens": ["a", "<s>"],
      "tokenizer.ggml.token_type": [1, 3],
      "tokenizer.ggml.merges": [],
      "tokenizer.ggml.bos_token_id": 1,
      ...change,
    },
    readF32: () => assert.fail(),
    readRaw: () => assert.fail(),
    close: () => {},
  }).startId;

test("bos_token and eos_token are text, or objects with the text", () => {
  const config = { bos_token: { content: "<s>", lstrip: false }, eos_token: "</s>" };
  assert.deepEqual(edgeTokensOf(config), { bosToken: "<s>", eosToken: "</s>" });
  assert.deepEqual(edgeTokensOf({ bos_token: null }), { bosToken: "", eosToken: "" });
  assert.throws(() => edgeTokensOf({ bos_token: 1 }), {
    code: "model/invalid",
    message: /tokenizer_config\.json/,
  });
});

test("a text begins with a token where the post-processor adds one, alone or in a sequence", () => {
  const begins = beginningWith("<s>", 256);
  assert.equal(startOf(begins, {}), 256);
  assert.equal(startOf({ type: "Sequence", processors: [{ type: "ByteLevel" }, begins] }, {}), 256);
  assert.equal(startOf(null, { bos_token: "<s>" }), undefined);
  assert.equal(startOf({ type: "ByteLevel" }, { bos_token: "<s>" }), undefined);
});

test("add_bos_token counts more than the post-processor", () => {
  assert.equal(startOf(null, { bos_token: "<s>", add_bos_token: true }), 256);
  const config = { bos_token: "<s>", add_bos_token: false };
  assert.equal(startOf(beginningWith("<s>", 256), config), undefined);
});

test("GGUF files say it themselves, or mean what llama.cpp takes for granted", () => {
  assert.equal(ggufStart({}), undefined);
  assert.equal(ggufStart({ "tokenizer.ggml.add_bos_token": true }), 1);
  assert.equal(ggufStart({ "tokenizer.ggml.pre": "llama-bpe" }), 1);
  const not = { "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.add_bos_token": false };
  assert.equal(ggufStart(not), undefined);
  const beyond = { "tokenizer.ggml.add_bos_token": true, "tokenizer.ggml.bos_token_id": 2 ** 32 };
  assert.equal(ggufStart(beyond), undefined);
});
