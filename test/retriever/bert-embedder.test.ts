import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { BertEmbedder } from "../../retriever/index.ts";
import { defaultModel } from "../default-model.ts";

interface Reference {
  readonly text: string;
  readonly tokens: number;
  readonly vector: readonly number[];
}

const references: readonly Reference[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "fixtures", "minilm-reference.json"), "utf8"),
);

describe("all-MiniLM-L6-v2 as our own graph", () => {
  let embedder: BertEmbedder;
  before(async () => {
    embedder = await BertEmbedder.open(await defaultModel("all-minilm-l6-v2"));
  });
  after(() => embedder.close());

  test("gives PyTorch's vectors to 1e-4, short, long, empty and foreign texts in one call", async () => {
    const vectors = await embedder.embed(references.map(({ text }) => text));
    assert.equal(references.length, 12);
    for (const [index, { text, vector }] of references.entries()) {
      const difference = Math.max(...vector.map((x, i) => Math.abs(x - vectors[index]![i]!)));
      assert.ok(difference < 1e-4, `${difference} for ${JSON.stringify(text.slice(0, 40))}`);
    }
  });

  test("a text's vector does not depend on its neighbours in the batch", async () => {
    const [alone] = await embedder.embed([references[0]!.text]);
    const among = await embedder.embed([references[11]!.text, references[0]!.text]);
    const difference = Math.max(...alone!.map((x, i) => Math.abs(x - among[1]![i]!)));
    assert.ok(difference < 1e-5, String(difference));
  });

  test("counts tokens without its own marks", () => {
    for (const { text, tokens } of references.filter((one) => one.tokens < 256)) {
      assert.equal(embedder.countTokens(text), tokens - 2, text);
    }
  });

  test("many long texts are tokenised in steps: other work goes on, and can stop it", async () => {
    let read = 0;
    const texts = new Proxy(
      Array.from({ length: 500 }, () => "lamp ".repeat(20_000)),
      {
        get: (target, key) => {
          if (/^\d+$/.test(String(key))) read++;
          return Reflect.get(target, key);
        },
      },
    );
    const stopped = new AbortController();
    setImmediate(() => stopped.abort(new Error("enough")));
    await assert.rejects(embedder.embed(texts, { signal: stopped.signal }), /enough/);
    assert.ok(read < 500, `${read} texts were read`);
  });

  test("vectors have length 1 and the dimension it tells", async () => {
    const [vector] = await embedder.embed(["a lamp"]);
    assert.equal(vector!.length, embedder.dimension);
    assert.ok(Math.abs(vector!.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-5);
  });

  test("several workers give the same vectors, in the order of the texts", async () => {
    const texts = Array.from(
      { length: 40 },
      (_, i) => references[i % 12]!.text + " ".repeat(i) + i,
    );
    const pooled = await BertEmbedder.open(await defaultModel("all-minilm-l6-v2"), { threads: 4 });
    try {
      const expected = await embedder.embed(texts);
      const done: number[] = [];
      const found = await pooled.embed(texts, { onProgress: (count) => done.push(count) });
      for (const [index, vector] of found.entries()) {
        const difference = Math.max(...vector.map((x, i) => Math.abs(x - expected[index]![i]!)));
        assert.ok(difference < 1e-5, `${index}: ${difference}`);
      }
      assert.equal(done.at(-1), texts.length);
      assert.deepEqual(await pooled.embed([]), []);
    } finally {
      await pooled.close();
    }
  });

  test("an abort stops between batches", async () => {
    const controller = new AbortController();
    const texts = Array.from({ length: 200 }, (_, i) => `${references[11]!.text} ${i}`);
    const embedding = embedder.embed(texts, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await assert.rejects(embedding, { name: "AbortError" });
  });
});

describe("all-MiniLM-L6-v2 in int8", () => {
  let embedder: BertEmbedder;
  before(async () => {
    const resolved = await defaultModel("all-minilm-l6-v2");
    embedder = await BertEmbedder.open(resolved, { precision: "int8" });
  });
  after(() => embedder.close());

  test("stays close to PyTorch's vectors: cosine over 0.98 each, 0.99 in the middle", async () => {
    const vectors = await embedder.embed(references.map(({ text }) => text));
    const cosines = references.map(({ vector }, index) =>
      vector.reduce((sum, x, i) => sum + x * vectors[index]![i]!, 0),
    );
    cosines.sort((a, b) => a - b);
    assert.ok(cosines[0]! > 0.98, cosines.join(" "));
    assert.ok(cosines[references.length / 2]! > 0.99, cosines.join(" "));
  });

  test("a text's vector does not depend on its neighbours at all", async () => {
    const [alone] = await embedder.embed([references[0]!.text]);
    const among = await embedder.embed([references[11]!.text, references[0]!.text]);
    assert.deepEqual(among[1], alone);
  });

  test("has an identity of its own", () => {
    assert.match(embedder.id, /^all-minilm-l6-v2@[0-9a-f]{16}\/mean\/int8-2$/);
  });
});
