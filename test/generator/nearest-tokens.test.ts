import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { nearestTokens } from "../../generator/index.ts";
import { NearestTokens } from "../../generator/nearest-tokens.ts";
import { openSafetensors } from "../../runtime/index.ts";
import { modelSource } from "../parity/golden-model.ts";
import { goldenFolder } from "../runtime/weight-fixtures.ts";

const folder = join(goldenFolder, "models", "llama-tied");
const model = modelSource(folder, "llama-tied");
const { width } = model.config;

/** The model's embeddings, one array a token. */
function readEmbeddings(): readonly Float32Array[] {
  const file = openSafetensors(join(folder, "model.safetensors"));
  const table = file.readF32("model.embed_tokens.weight");
  file.close();
  return Array.from({ length: table.length / width }, (_, id) =>
    table.subarray(id * width, (id + 1) * width),
  );
}
const embeddings = readEmbeddings();
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

test("the token nearest to its own embedding is itself, with cosine 1 whatever the length", () => {
  const ids = [7, 40, embeddings.length - 1];
  const rows = Float32Array.from(
    ids.flatMap((id, i) => [...embeddings[id]!].map((x) => x * (i + 1))),
  );
  const near = nearestTokens(model, rows, 1);
  assert.deepEqual(
    near.map(([first]) => first!.id),
    ids,
  );
  for (const [first] of near) assert.ok(Math.abs(first!.cosine - 1) < 1e-6, String(first!.cosine));
});

test("tokens come by the cosine of the angle, the nearest first, as sorting all of them gives", () => {
  const row = Float32Array.from({ length: width }, (_, i) => Math.sin(7 * i));
  const sorted = embeddings
    .map((one, id) => ({ id, cosine: dot(row, one) / Math.sqrt(dot(row, row) * dot(one, one)) }))
    .filter(({ cosine }) => !Number.isNaN(cosine)) // the first token's embedding is all zeros
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, 4);
  const [near] = nearestTokens(model, row, 4);
  assert.deepEqual(
    near!.map(({ id }) => id),
    sorted.map(({ id }) => id),
  );
  for (const [i, { cosine }] of near!.entries()) {
    assert.ok(Math.abs(cosine - sorted[i]!.cosine) < 1e-6);
  }
});

test("vectors that come in blocks give the same tokens as all at once", () => {
  const row = Float32Array.from({ length: width }, (_, i) => Math.cos(3 * i));
  const [whole] = nearestTokens(model, row, 5);
  const cut = Math.max(...whole!.map(({ id }) => id)); // the last of them is in the other block
  const near = new NearestTokens(row, width, 5);
  const table = Float32Array.from(embeddings.flatMap((one) => [...one]));
  near.add(0, table.subarray(0, cut * width));
  near.add(cut, table.subarray(cut * width));
  assert.deepEqual(near.found, [whole]);
});
