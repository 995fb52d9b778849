import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { BertEmbedder } from "../../retriever/index.ts";
import { resolveModel } from "../../runtime/index.ts";

const FIXTURE = join(import.meta.dirname, "..", "fixtures", "tiny-bert");
const reference: {
  readonly texts: readonly string[];
  readonly vectors: Readonly<Record<string, readonly (readonly number[])[]>>;
} = JSON.parse(readFileSync(join(FIXTURE, "reference.json"), "utf8"));

type Kind = "query" | "passage";
type Files = Readonly<Record<string, unknown>>;

describe("embedders of the BERT family, from a folder", () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "foreword-embedders-"));
  });
  after(() => rm(root, { recursive: true, force: true }));

  /** The small model under a name, with files beside it or in place of its own. */
  async function open(name: string, files: Files = {}, isLazy = false): Promise<BertEmbedder> {
    const folder = join(root, name);
    await rm(folder, { recursive: true, force: true });
    cpSync(FIXTURE, folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), JSON.stringify(content));
    }
    const resolved = await resolveModel(folder, { cacheFolder: join(root, "cache") });
    return BertEmbedder.open(resolved, { isLazy });
  }

  async function withEmbedder<Result>(
    opening: Promise<BertEmbedder>,
    use: (embedder: BertEmbedder) => Promise<Result> | Result,
  ): Promise<Result> {
    const embedder = await opening;
    try {
      return await use(embedder);
    } finally {
      await embedder.close();
    }
  }

  const vectorsOf = (name: string, files: Files = {}, kind?: Kind) =>
    withEmbedder(open(name, files), (embedder) =>
      embedder.embed(reference.texts, kind ? { kind } : {}),
    );

  const refusal = (name: string, files: Files) => withEmbedder(open(name, files), () => undefined);

  function assertVectors(found: readonly Float32Array[], expected: string): void {
    for (const [index, wanted] of reference.vectors[expected]!.entries()) {
      const difference = Math.max(...wanted.map((x, i) => Math.abs(x - found[index]![i]!)));
      assert.ok(difference < 1e-5, `text ${index}: ${difference} from PyTorch's ${expected}`);
    }
  }

  test("without a word about pooling it is the mean over all tokens, as in PyTorch", async () => {
    assertVectors(await vectorsOf("some-model"), "mean");
    assertVectors(await vectorsOf("some-model", {}, "query"), "mean");
  });

  test("1_Pooling/config.json decides the pooling, in its older and newer form", async () => {
    const older = { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false };
    assertVectors(await vectorsOf("some-model", { "1_Pooling/config.json": older }), "cls");
    const newer = { pooling_mode: "cls", embedding_dimension: 16 };
    assertVectors(await vectorsOf("some-model", { "1_Pooling/config.json": newer }), "cls");
    const mean = { pooling_mode_mean_tokens: true };
    assertVectors(await vectorsOf("bge-tiny-en", { "1_Pooling/config.json": mean }), "mean");
  });

  test("an E5 model puts its prefixes before questions and passages", async () => {
    assertVectors(await vectorsOf("e5-tiny-v2", {}, "query"), "e5-query");
    assertVectors(await vectorsOf("e5-tiny-v2", {}, "passage"), "e5-passage");
  });

  test("a BGE model pools its first token and instructs questions only", async () => {
    assertVectors(await vectorsOf("bge-tiny-en-v1.5", {}, "query"), "bge-query");
    assertVectors(await vectorsOf("bge-tiny-en-v1.5", {}, "passage"), "cls");
  });

  test("a GTE model needs neither", async () => {
    assertVectors(await vectorsOf("gte-tiny", {}, "query"), "mean");
  });

  test("the folder's own prompts win over what the name tells", async () => {
    const files = {
      "config_sentence_transformers.json": { prompts: { query: "query: ", document: "passage: " } },
    };
    assertVectors(await vectorsOf("some-model", files, "query"), "e5-query");
    assertVectors(await vectorsOf("gte-tiny", files, "passage"), "e5-passage");
  });

  test("the longest sequence comes from the folder, and prefixes leave less for the text", async () => {
    const files = { "sentence_bert_config.json": { max_seq_length: 12 } };
    const found = await withEmbedder(open("e5-tiny", files), async (embedder) => {
      assert.equal(embedder.maxTokens, 12 - 2 - 2);
      const words = "the ferry leaves at dawn and bread";
      return embedder.embed([`${words} is`, `${words} on`, `${words} on second deck`]);
    });
    assert.notDeepEqual(found[0], found[1]);
    assert.deepEqual(found[1], found[2]);
  });

  test("pooling, prefixes and length are part of the embedder's identity", async () => {
    const id = (name: string, files: Files = {}) =>
      withEmbedder(open(name, files), (embedder) => embedder.id.replace(/^.*@/, ""));
    const length = { "sentence_bert_config.json": { max_seq_length: 12 } };
    const ids = [
      await id("some-model"),
      await id("e5-tiny"),
      await id("bge-tiny-en"),
      await id("some-model", length),
    ];
    assert.equal(new Set(ids).size, 4, ids.join(" "));
    assert.equal(await id("another-model"), ids[0]);
  });

  const config = JSON.parse(readFileSync(join(FIXTURE, "config.json"), "utf8"));

  test("another architecture is refused by name", async () => {
    for (const type of ["xlm-roberta", "mpnet", "modernbert", "new", "distilbert"]) {
      await assert.rejects(refusal("other", { "config.json": { model_type: type } }), {
        code: "model/unsupported",
        message: new RegExp(`other: config.json: .*found ${type};`),
      });
    }
    await assert.rejects(refusal("other", { "config.json": { ...config, hidden_act: "relu" } }), {
      code: "model/unsupported",
      message: /found relu/,
    });
  });

  test("a layer or a pooling that would be computed wrongly is refused by name", async () => {
    const dense = [{ type: "sentence_transformers.models.Dense", path: "2_Dense" }];
    await assert.rejects(refusal("other", { "modules.json": dense }), {
      code: "model/unsupported",
      message: /modules.json: .*models\.Dense/,
    });
    const lastToken = { pooling_mode_lasttoken: true };
    await assert.rejects(refusal("other", { "1_Pooling/config.json": lastToken }), {
      code: "model/unsupported",
      message: /found last token/,
    });
    const both = { pooling_mode_cls_token: true, pooling_mode_mean_tokens: true };
    await assert.rejects(refusal("other", { "1_Pooling/config.json": both }), {
      code: "model/unsupported",
      message: /found cls and mean/,
    });
  });

  test("a lazy one counts tokens without its weights, and reads them for the first text", async () => {
    const eager = await vectorsOf("all-minilm-tiny");
    await withEmbedder(open("all-minilm-tiny", {}, true), async (embedder) => {
      assert.deepEqual(await embedder.embed(reference.texts), eager);
    });
    const broken = { "config.json": { ...config, hidden_size: 32 } };
    await withEmbedder(open("other", broken, true), async (embedder) => {
      assert.ok(embedder.countTokens(reference.texts[0]!) > 0);
      assert.deepEqual(await embedder.embed([]), []);
      for (let attempt = 0; attempt < 2; attempt++) {
        await assert.rejects(embedder.embed(["a"]), { code: "model/invalid", message: /48, 32/ });
      }
    });
  });

  test("a damaged or foreign file is refused by name", async () => {
    const heads = { ...config, num_attention_heads: 3 };
    await assert.rejects(refusal("other", { "config.json": heads }), {
      code: "model/invalid",
      message: /num_attention_heads, found 16 and 3/,
    });
    const wide = { ...config, hidden_size: 32 };
    await assert.rejects(refusal("other", { "config.json": wide }), {
      code: "model/invalid",
      message: /expected shape \[48, 32\], found \[48, 16\]/,
    });
    const few = { ...config, vocab_size: 40 };
    await assert.rejects(refusal("other", { "config.json": few }), {
      code: "model/invalid",
      message: /48 tokens, but the model 40/,
    });
    const prompts = { prompts: { query: 7 } };
    await assert.rejects(refusal("other", { "config_sentence_transformers.json": prompts }), {
      code: "model/invalid",
      message: /other: config_sentence_transformers.json/,
    });
    const long = { "sentence_bert_config.json": { max_seq_length: 5 } };
    await assert.rejects(refusal("bge-tiny", long), {
      code: "model/invalid",
      message: /prefix of 8 tokens leaves no room for a text in 5/,
    });
  });
});
