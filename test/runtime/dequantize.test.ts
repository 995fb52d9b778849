import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dequantize, type TensorType } from "../../runtime/index.ts";
import { goldenFolder } from "./weight-fixtures.ts";

const folder = join(goldenFolder, "gguf");
const index: Record<TensorType, { shape: [number, number] }> = JSON.parse(
  readFileSync(join(folder, "index.json"), "utf8"),
);

for (const type of Object.keys(index) as TensorType[]) {
  test(`${type} blocks become the reference's numbers, bit for bit`, () => {
    const [rows, columns] = index[type].shape;
    const found = dequantize(type, readFileSync(join(folder, `${type}.bin`)), rows * columns);
    assert.deepEqual(Buffer.from(found.buffer), readFileSync(join(folder, `${type}.f32`)));
  });
}

test("all thirteen golden formats are covered", () => {
  assert.equal(Object.keys(index).length, 13);
});

test("half precision keeps signed zero, subnormals, infinities and not-a-number", () => {
  const halves = Uint16Array.of(0x8000, 0x0001, 0x83ff, 0x7c00, 0xfc00, 0x7e00, 0x3c00);
  const found = dequantize("F16", new Uint8Array(halves.buffer), 7);
  const smallest = 2 ** -24;
  assert.deepEqual(
    [...found],
    [-0, smallest, -1023 * smallest, Infinity, -Infinity, Number.NaN, 1],
  );
});

test("integers become the same numbers", () => {
  const bytes = new Uint8Array(BigInt64Array.of(-3n, 1n << 20n).buffer);
  assert.deepEqual([...dequantize("I64", bytes, 2)], [-3, 1 << 20]);
  assert.deepEqual([...dequantize("I8", Uint8Array.of(255, 7), 2)], [-1, 7]);
});

test("a count that is no whole number of blocks is refused", () => {
  assert.throws(() => dequantize("Q4_1", new Uint8Array(20), 31), {
    code: "model/invalid",
    message: /Q4_1 data: expected whole blocks of 32 numbers.*found 31 numbers/,
  });
});

test("bytes of another length than the count needs are refused before anything is allocated", () => {
  assert.throws(() => dequantize("F32", new Uint8Array(8), 2 ** 50), { code: "model/invalid" });
});
