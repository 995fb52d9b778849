import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { RagError, Random } from "../../core/index.ts";
import { openWeights, writeSafetensors } from "../../runtime/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { goldenFolder } from "./weight-fixtures.ts";

/** Opens the file and reads every tensor; only a RagError may come out. Returns whether it was refused. */
function isRefused(path: string): boolean {
  try {
    const file = openWeights(path);
    try {
      for (const name of file.tensors.keys()) file.readF32(name);
    } finally {
      file.close();
    }
    return false;
  } catch (thrown) {
    assert.ok(thrown instanceof RagError, `not a RagError: ${thrown}`);
    assert.notEqual(thrown.code, "internal");
    return true;
  }
}

/** `count` copies of the file with one to four bytes of its first `headerBytes` changed. */
function countRefused(path: string, whole: Buffer, headerBytes: number, seed: number): number {
  const random = new Random(seed);
  let refused = 0;
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(whole);
    for (let changes = 1 + random.integer(4); changes > 0; changes--) {
      bytes[random.integer(headerBytes)] = random.integer(256);
    }
    writeFileSync(path, bytes);
    if (isRefused(path)) refused++;
  }
  return refused;
}

test("150 damaged GGUF files are read or refused, and nothing else happens", (context) => {
  const whole = readFileSync(join(goldenFolder, "gguf", "tiny-llama-f32.gguf"));
  const path = join(temporaryFolder(context), "damaged.gguf");
  assert.ok(countRefused(path, whole, 2272, 11) > 30);
});

test("150 damaged safetensors files are read or refused, and nothing else happens", async (context) => {
  const path = join(temporaryFolder(context), "damaged.safetensors");
  const tensor = (n: number) => ({ shape: [n, 2], data: new Float32Array(2 * n) });
  const tensors = new Map([1, 2, 3, 4].map((n) => [`layer.${n}.weight`, tensor(n)]));
  await writeSafetensors(path, tensors, { format: "pt" });
  const whole = readFileSync(path);
  assert.ok(countRefused(path, whole, 8 + Number(whole.readBigUInt64LE()), 12) > 100);
});
