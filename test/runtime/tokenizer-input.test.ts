import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chatTemplateOf,
  tokenizerFromFiles,
  tokenizerFromGguf,
  type WeightFile,
} from "../../runtime/index.ts";

const merges = ["h e", "l l", "he ll", "hell o", "1 2", "< |", "<| x", "<|x |", "<|x| >"];
const letters = [..."<|x>helo12Ġ!Ã©é"];
const words = ["he", "ll", "hell", "hello", "12", "<|", "<|x", "<|x|", "<|x|>"];
const tokens = [...letters, ...words];
const special = tokens.indexOf("<|x|>");
const metadata = (changes: Record<string, unknown> = {}) => ({
  "tokenizer.ggml.model": "gpt2",
  "tokenizer.ggml.pre": "gpt-2",
  "tokenizer.ggml.tokens": tokens,
  "tokenizer.ggml.merges": merges,
  "tokenizer.ggml.token_type": tokens.map((token) => (token === "<|x|>" ? 3 : 1)),
  ...changes,
});
const weightsWith = (entries: Record<string, unknown>): WeightFile => ({
  path: "a.gguf",
  tensors: new Map(),
  metadata: entries,
  readF32: () => new Float32Array(),
  readRaw: () => new Uint8Array(),
  close: () => {},
});
const fromGguf = (changes: Record<string, unknown> = {}) =>
  tokenizerFromGguf(weightsWith(metadata(changes)));

test("a special token that merges could build is still plain text in untrusted text", () => {
  const tokenizer = fromGguf();
  assert.deepEqual(tokenizer.encodeTemplate("hello<|x|>"), [tokens.indexOf("hello"), special]);
  const ids = tokenizer.encode("hello<|x|>");
  assert.ok(!ids.includes(special));
  assert.deepEqual([...tokenizer.specialIds], [special]);
});

test("user-defined tokens are no more reachable from untrusted text than control tokens", () => {
  const type = tokens.map((token) => (token === "<|x|>" ? 4 : 1));
  const tokenizer = fromGguf({ "tokenizer.ggml.token_type": type });
  assert.ok(!tokenizer.encode("<|x|>").includes(special));
  assert.deepEqual(tokenizer.encodeTemplate("<|x|>"), [special]);
  assert.equal(tokenizer.decode([special], { skipSpecial: true }), "<|x|>");
});

for (const pre of ["gpt-2", "smollm", "qwen2", "llama-bpe"]) {
  test(`pre-tokenizer ${pre} encodes and decodes`, () => {
    const tokenizer = fromGguf({ "tokenizer.ggml.pre": pre });
    assert.deepEqual(tokenizer.encode("hello"), [tokens.indexOf("hello")]);
    assert.equal(tokenizer.decode(tokenizer.encode("hello 1!é")), "hello 1!é");
  });
}

test("qwen2 takes digits one by one, llama-bpe takes up to three together", () => {
  const ids = (pre: string) => fromGguf({ "tokenizer.ggml.pre": pre }).encode("12").length;
  assert.equal(ids("qwen2"), 2);
  assert.equal(ids("llama-bpe"), 1);
});

test("another pre-tokenizer or model is refused by name", () => {
  assert.throws(() => fromGguf({ "tokenizer.ggml.pre": "tekken" }), {
    code: "model/unsupported",
    message: /tokenizer\.ggml\.pre: expected gpt-2, smollm, qwen2, llama-bpe, found "tekken"/,
  });
  assert.throws(() => fromGguf({ "tokenizer.ggml.model": "llama" }), {
    code: "model/unsupported",
    message: /"gpt2", found "llama"/,
  });
});

test("missing or damaged tokenizer fields are refused by name", () => {
  assert.throws(() => fromGguf({ "tokenizer.ggml.tokens": undefined }), {
    code: "model/invalid",
    message: /tokenizer\.ggml\.tokens/,
  });
  assert.throws(() => fromGguf({ "tokenizer.ggml.merges": [1] }), {
    code: "model/invalid",
    message: /merges/,
  });
  assert.throws(() => fromGguf({ "tokenizer.ggml.token_type": [1] }), {
    code: "model/invalid",
    message: new RegExp(`one entry for each of ${tokens.length} tokens, found 1`),
  });
});

test("a tokenizer.json that is none, or of another kind, is refused", () => {
  assert.throws(() => tokenizerFromFiles("text"), { code: "model/invalid" });
  assert.throws(() => tokenizerFromFiles({}), { code: "model/invalid", message: /model/ });
  const unigram = { model: { type: "Unigram", vocab: { a: 0 } } };
  assert.throws(() => tokenizerFromFiles(unigram), {
    code: "model/unsupported",
    message: /found Unigram/,
  });
  const strange = {
    model: { type: "BPE", vocab: { a: 0 }, merges: [] },
    pre_tokenizer: { type: "Nonsense" },
  };
  assert.throws(() => tokenizerFromFiles(strange), { code: "model/invalid", message: /Nonsense/ });
  const huge = { model: { type: "BPE", vocab: { a: 2 ** 40 }, merges: [] } };
  assert.throws(() => tokenizerFromFiles(huge), { code: "model/invalid" });
});

test("a chat template is taken from the jinja file, then the configuration, then the GGUF file", () => {
  const tokenizerConfig = { chat_template: "config" };
  const gguf = { "tokenizer.chat_template": "gguf" };
  assert.equal(chatTemplateOf({ jinjaFile: "file", tokenizerConfig, metadata: gguf }), "file");
  assert.equal(chatTemplateOf({ tokenizerConfig, metadata: gguf }), "config");
  assert.equal(chatTemplateOf({ metadata: gguf }), "gguf");
  assert.equal(chatTemplateOf({ tokenizerConfig: {} }), undefined);
});

test("of several named chat templates the default is taken", () => {
  const chat_template = [
    { name: "tool_use", template: "tools" },
    { name: "default", template: "plain" },
  ];
  assert.equal(chatTemplateOf({ tokenizerConfig: { chat_template } }), "plain");
});

test("a chat template that is no text or has no end is refused", () => {
  const metadata = { "tokenizer.chat_template": 7 };
  assert.throws(() => chatTemplateOf({ metadata }), { code: "model/invalid" });
  const jinjaFile = "x".repeat(1_000_001);
  assert.throws(() => chatTemplateOf({ jinjaFile }), { code: "model/invalid", message: /1000001/ });
});
