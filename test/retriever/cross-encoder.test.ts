import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CrossEncoder } from "../../retriever/index.ts";
import { openWeights, resolveModel, writeSafetensors } from "../../runtime/index.ts";

const FIXTURE = join(import.meta.dirname, "..", "fixtures", "tiny-bert");
const json = (name: string) => JSON.parse(readFileSync(join(FIXTURE, name), "utf8"));
const reference: {
  readonly texts: readonly string[];
  readonly question: string;
  readonly scores: readonly number[];
} = json("reference.json");
const passages = reference.texts.map((text) => ({ title: "", text }));

describe("a cross-encoder of the BERT family, from a folder", () => {
  let root: string;
  let encoder: CrossEncoder;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "foreword-cross-encoder-"));
    encoder = await open();
  });
  after(async () => {
    await encoder.close();
    await rm(root, { recursive: true, force: true });
  });

  /** The small model with something about it changed. */
  async function open(change: (folder: string) => Promise<void> = async () => {}) {
    const folder = await mkdtemp(join(root, "tiny-"));
    cpSync(FIXTURE, folder, { recursive: true });
    await change(folder);
    return CrossEncoder.open(await resolveModel(folder, { cacheFolder: join(root, "cache") }));
  }

  const withConfig = (fields: object) =>
    open((folder) =>
      writeFile(join(folder, "config.json"), JSON.stringify({ ...json("config.json"), ...fields })),
    );

  /** The weights without some of them, or with others in their place. */
  const withTensors = (other: Readonly<Record<string, readonly number[] | undefined>>) =>
    open(async (folder) => {
      const path = join(folder, "model.safetensors");
      const file = openWeights(path);
      const tensors = new Map(
        [...file.tensors.values()].map(({ name, shape }) => [
          name,
          { shape, data: file.readF32(name) },
        ]),
      );
      file.close();
      for (const [name, shape] of Object.entries(other)) {
        if (!shape) tensors.delete(name);
        else tensors.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
      }
      await writeSafetensors(path, tensors);
    });

  test("gives PyTorch's scores to 1e-4: short, empty and cut passages in one call", async () => {
    const scores = await encoder.score(reference.question, passages);
    assert.equal(scores.length, 5);
    for (const [index, expected] of reference.scores.entries()) {
      assert.ok(Math.abs(scores[index]! - expected) < 1e-4, `${index}: ${scores[index]}`);
    }
  });

  test("a passage's score does not depend on the others", async () => {
    const all = await encoder.score(reference.question, passages);
    const [alone] = await encoder.score(reference.question, [passages[2]!]);
    assert.ok(Math.abs(alone! - all[2]!) < 1e-5);
  });

  test("no passages have no scores", async () => {
    assert.deepEqual(await encoder.score("lamp", []), []);
  });

  test("a title stands before its passage", async () => {
    const [apart, together] = await encoder.score("lamp", [
      { title: "bread", text: "the ferry" },
      { title: "", text: "bread the ferry" },
    ]);
    assert.equal(apart, together);
  });

  test("a query longer than the model reads leaves room for passages", async () => {
    const long = "how long may the lighthouse be away from a storm ? ".repeat(2000);
    const [a, b] = await encoder.score(long, [passages[0]!, passages[3]!]);
    assert.ok(Number.isFinite(a) && Number.isFinite(b));
    assert.notEqual(a, b);
  });

  test("special tokens in a text are words like others", async () => {
    const [marked, unknown, none] = await encoder.score("lamp", [
      { title: "", text: "[SEP] [CLS]" },
      { title: "", text: "[xyz] [xyz]" },
      { title: "", text: "" },
    ]);
    assert.equal(marked, unknown);
    assert.notEqual(marked, none);
  });

  test("an abort ends it", async () => {
    const controller = new AbortController();
    controller.abort();
    const scoring = encoder.score("lamp", passages, controller.signal);
    await assert.rejects(scoring, { name: "AbortError" });
  });

  test("a model that is none is refused, and told what it is", async () => {
    const refused = (opening: Promise<CrossEncoder>, message: RegExp) =>
      assert.rejects(opening, { code: "model/unsupported", message });
    await refused(withConfig({ architectures: ["BertModel"] }), /found BertModel/);
    await refused(withConfig({ model_type: "xlm-roberta" }), /found xlm-roberta/);
    await refused(withConfig({ type_vocab_size: 1 }), /no pairs of texts/);
    const head = { "classifier.weight": undefined };
    await refused(withTensors(head), /without a classification head/);
    const labels = { "classifier.weight": [3, 16], "classifier.bias": [3] };
    await refused(withTensors(labels), /one with 3 labels/);
  });

  test("damaged files are refused by name", async () => {
    const damaged = (opening: Promise<CrossEncoder>, message: RegExp) =>
      assert.rejects(opening, { code: "model/invalid", message });
    await damaged(withTensors({ "bert.pooler.dense.weight": undefined }), /pooler.*missing/);
    await damaged(withTensors({ "classifier.weight": [1, 17] }), /found \[1, 17\]/);
    await damaged(withTensors({ "classifier.bias": [2] }), /classifier.bias/);
    await damaged(withConfig({ architectures: "BertModel" }), /architectures/);
    await damaged(
      open((folder) => truncate(join(folder, "model.safetensors"), 5000)),
      /model.safetensors/,
    );
    const noMarks = async (folder: string) => {
      const path = join(folder, "tokenizer.json");
      const text = (await readFile(path, "utf8")).replaceAll("[SEP]", "[END]");
      await writeFile(path, text);
    };
    await damaged(open(noMarks), /no \[SEP\]/);
  });
});
