import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { loadTensorFlow } from "../../ptuning/index.ts";

const index = pathToFileURL(join(import.meta.dirname, "../../ptuning/index.ts")).href;

test("TensorFlow.js is loaded once and its backend computes", async () => {
  const [first, second] = await Promise.all([loadTensorFlow(), loadTensorFlow()]);
  assert.equal(first, second);
  const { tf } = first;
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync(),
  );
  assert.deepEqual([...product], [11]);
});

test("the portable backend is not plain JavaScript, and one that is not installed is no failure", async () => {
  const { backend, refused } = await loadTensorFlow();
  assert.ok(["tfjs-node-gpu", "tfjs-node", "wasm"].includes(backend), backend);
  assert.ok(
    refused.every((one) => one.backend.startsWith("tfjs-node")),
    JSON.stringify(refused),
  );
});

test("training prints no banner, and importing ptuning does not load TensorFlow.js", () => {
  const program = `
    const { loadTensorFlow } = await import(${JSON.stringify(index)});
    const early = "_tfGlobals" in globalThis;
    const { tf } = await loadTensorFlow();
    tf.scalar(1).add(1).dataSync();
    process.stdout.write(String(early));`;
  const run = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", program],
    { encoding: "utf8", cwd: join(import.meta.dirname, "../..") },
  );
  assert.equal(run.stderr, "");
  assert.equal(run.stdout, "false");
});
