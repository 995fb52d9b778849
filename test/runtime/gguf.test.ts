import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openGguf, openWeights } from "../../runtime/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import {
  type GgufParts,
  ggufPair,
  ggufString,
  ggufTensor,
  goldenFolder,
  u32,
  u64,
  writeGgufBytes,
} from "./weight-fixtures.ts";

const tiny = join(goldenFolder, "gguf", "tiny-llama-f32.gguf");
const F32 = 0;

function refuses(parts: GgufParts, message: RegExp, code = "model/invalid") {
  return (context: TestContext) => {
    const path = writeGgufBytes(join(temporaryFolder(context), "bad.gguf"), parts);
    assert.throws(() => openGguf(path), { code, message });
  };
}

test("a whole model file is read: metadata, shapes outermost first, values", (context) => {
  const file = openWeights(tiny);
  context.after(() => file.close());
  assert.equal(file.metadata["general.architecture"], "llama");
  assert.equal(file.metadata["llama.embedding_length"], 48);
  assert.deepEqual(file.tensors.get("token_embd.weight")?.shape, [160, 48]);
  const embeddings = file.readF32("token_embd.weight");
  assert.equal(embeddings.length, 160 * 48);
  assert.ok(embeddings.every(Number.isFinite));
  assert.ok(embeddings.some((value) => value !== 0));
});

test("metadata of every value type is read", (context) => {
  const list = (type: number, items: Uint8Array[]) =>
    Buffer.concat([u32(type), u64(BigInt(items.length)), ...items]);
  const path = writeGgufBytes(join(temporaryFolder(context), "a.gguf"), {
    pairs: [
      ggufPair("flag", 7, Uint8Array.of(1)),
      ggufPair("small", 1, Uint8Array.of(0xfe)),
      ggufPair("exact", 10, u64(123n)),
      ggufPair("large", 10, u64(1n << 60n)),
      ggufPair("text", 8, ggufString("héllo")),
      ggufPair("words", 9, list(8, [ggufString("a"), ggufString("b")])),
      ggufPair("nested", 9, list(9, [list(4, [u32(1), u32(2)]), list(4, [])])),
    ],
  });
  const { metadata } = openGguf(path);
  assert.deepEqual(
    { ...metadata },
    {
      flag: true,
      small: -2,
      exact: 123,
      large: 1n << 60n,
      text: "héllo",
      words: ["a", "b"],
      nested: [[1, 2], []],
    },
  );
});

test("another magic is refused", refuses({ magic: "GGML" }, /magic: expected GGUF/));
test("an old version is refused", refuses({ version: 1 }, /version: expected 2 or 3, found 1/));
test("a big-endian file is refused", refuses({ version: 0x03000000 }, /version/));
test("an impossible tensor count is refused", refuses({ tensorCount: 1n << 53n }, /tensor count/));
test(
  "an impossible metadata count is refused",
  refuses({ pairCount: 1n << 63n }, /metadata count/),
);
test(
  "a string longer than the file is refused before it is allocated",
  refuses({ pairs: [ggufPair("a", 8, u64(1n << 40n))], dataBytes: 64 }, /"a", length: expected at/),
);
test(
  "an array longer than the file is refused before it is allocated",
  refuses(
    { pairs: [ggufPair("a", 9, Buffer.concat([u32(0), u64(1n << 53n)]))], dataBytes: 64 },
    /"a", item count: expected at most \d+, found 9007199254740992/,
  ),
);
test("arrays that have too many items together are refused, though each is small enough", (context) => {
  const items = Buffer.alloc(2_500_000);
  const list = Buffer.concat([u32(0), u64(BigInt(items.length)), items]);
  const pairs = [ggufPair("a", 9, list), ggufPair("b", 9, list)];
  refuses({ pairs }, /"b", item count: expected at most 1500000, found 2500000/)(context);
});
test(
  "an unknown value type is refused",
  refuses({ pairs: [ggufPair("a", 13, u64(0n))] }, /"a".*13/),
);
test(
  "arrays nested too deep are refused",
  refuses(
    { pairs: [ggufPair("a", 9, Buffer.concat(Array(9).fill(Buffer.concat([u32(9), u64(1n)]))))] },
    /nested at most/,
  ),
);
test(
  "a metadata key that occurs twice is refused",
  refuses(
    { pairs: [ggufPair("a", 4, u32(1)), ggufPair("a", 4, u32(2))] },
    /"a": expected one value/,
  ),
);
test(
  "a tensor name that occurs twice is refused",
  refuses(
    { tensors: [ggufTensor("w", [8n], F32, 0n), ggufTensor("w", [8n], F32, 32n)], dataBytes: 64 },
    /tensor "w": expected one entry/,
  ),
);
test(
  "an alignment that is no power of two is refused",
  refuses({ pairs: [ggufPair("general.alignment", 4, u32(24))] }, /alignment.*found 24/),
);
test(
  "too many dimensions are refused",
  refuses({ tensors: [ggufTensor("w", [1n, 1n, 1n, 1n, 1n], F32, 0n)] }, /"w", dimensions.*5/),
);
test(
  "a dimension beyond 2^53 is refused",
  refuses({ tensors: [ggufTensor("w", [1n << 60n], F32, 0n)] }, /"w", dimension 0/),
);
test(
  "a size that overflows is refused",
  refuses({ tensors: [ggufTensor("w", [1n << 52n, 1n << 52n], F32, 0n)] }, /"w".*at most the file/),
);
test(
  "a row that is no whole number of blocks is refused",
  refuses({ tensors: [ggufTensor("w", [33n], 3, 0n)], dataBytes: 64 }, /multiple of 32 for Q4_1/),
);
test(
  "an offset that is not aligned is refused",
  refuses({ tensors: [ggufTensor("w", [1n], F32, 4n)], dataBytes: 64 }, /offset.*multiple of 32/),
);
test(
  "a tensor that ends outside the file is refused",
  refuses({ tensors: [ggufTensor("w", [16n], F32, 32n)], dataBytes: 64 }, /"w".*its end within/),
);
test(
  "tensors that overlap are refused",
  refuses(
    { tensors: [ggufTensor("a", [16n], F32, 0n), ggufTensor("b", [8n], F32, 32n)], dataBytes: 64 },
    /tensor "b": expected it to start/,
  ),
);
test(
  "an unknown tensor type is refused",
  refuses({ tensors: [ggufTensor("w", [1n], 77, 0n)] }, /"w", type.*77/),
);
test(
  "a known type that nothing decodes is refused by its name",
  refuses({ tensors: [ggufTensor("w", [256n], 16, 0n)] }, /found IQ2_XXS/, "model/unsupported"),
);

test("a file cut anywhere in its header or data is refused by name", (context) => {
  const whole = readFileSync(tiny);
  const path = join(temporaryFolder(context), "cut.gguf");
  for (const length of [0, 3, 7, 23, 24, 100, 1500, 2200, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length));
    assert.throws(() => openWeights(path), { code: "model/invalid", message: /^cut\.gguf: / });
  }
});
