import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { zipSync } from "fflate";
import { Random } from "../../core/index.ts";
import { readTorchTensor, writeTorchTensor } from "../../ptuning/index.ts";

/** Written by torch.save; see record-torch-tensors.py beside them. */
const folder = join(import.meta.dirname, "../fixtures/torch");
const recorded = (name: string) => readFileSync(join(folder, `${name}.pt`));
const limits = { source: "tensor.pt", maxElements: 1000 };
const eighths = Float32Array.from({ length: 15 }, (_, i) => i / 8);

for (const name of ["float32", "float16", "bfloat16", "float64", "parameter"]) {
  test(`a ${name} file of torch.save is read exactly`, () => {
    assert.deepEqual(readTorchTensor(recorded(name), limits), { shape: [3, 5], data: eighths });
  });
}

test("a strided view comes back in row-major order", () => {
  assert.deepEqual(readTorchTensor(recorded("strided"), limits), {
    shape: [2, 5],
    data: eighths.slice(0, 10),
  });
});

test("a transposed view comes back in row-major order", () => {
  const transposed = pickled(tensorWith(...GOOD, "K\x05K\x03\x86K\x01K\x05\x86"), eighths);
  assert.deepEqual(readTorchTensor(transposed, limits), {
    shape: [5, 3],
    data: Float32Array.from({ length: 15 }, (_, i) => ((i % 3) * 5 + Math.floor(i / 3)) / 8),
  });
});

test("what is written is read back, and the same tensor gives the same bytes", () => {
  for (const shape of [[15], [3, 5], [1, 3, 5]]) {
    const bytes = writeTorchTensor({ shape, data: eighths });
    assert.deepEqual(readTorchTensor(bytes, limits), { shape, data: eighths });
    assert.deepEqual(bytes, writeTorchTensor({ shape, data: eighths }));
  }
});

test("a tensor larger than allowed is refused before it is unpacked", () => {
  const small = { source: "prompt_embeds", maxElements: 14 };
  assert.throws(() => readTorchTensor(recorded("float32"), small), {
    code: "file/too-large",
    message: /prompt_embeds.*14/,
  });
  const bomb = zipSync({ "a/data.pkl": [new Uint8Array(2 ** 22), { level: 9 }] });
  assert.ok(bomb.length < 2 ** 14);
  assert.throws(() => readTorchTensor(bomb, limits), { code: "file/too-large" });
});

const pickled = (text: string, numbers = new Float32Array(15), level: 0 | 9 = 0) =>
  zipSync(
    {
      "a/data.pkl": Buffer.from(text, "latin1"),
      "a/byteorder": Buffer.from("little"),
      "a/data/0": new Uint8Array(numbers.buffer),
    },
    { level },
  );
const tensorWith = (global: string, storage: string, shape = "K\x0f\x85K\x01\x85") =>
  `\x80\x02c${global}\n((X\x07\x00\x00\x00storagec${storage}\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x0ftQK\x00${shape}\x89ccollections\nOrderedDict\n)RtR.`;
const GOOD = ["torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage"] as const;

test("the hand-made pickle these tests change is a tensor as it stands", () => {
  assert.deepEqual(readTorchTensor(pickled(tensorWith(...GOOD)), limits).shape, [15]);
});

/** An archive with its directory changed: `each` gets every entry of it, to change or repeat it. */
function withDirectory(zip: Uint8Array, each: (entry: Buffer) => readonly Buffer[]): Uint8Array {
  const bytes = Buffer.from(zip);
  const at = bytes.indexOf("PK\u0001\u0002", 0, "latin1");
  const ending = bytes.subarray(bytes.lastIndexOf("PK\u0005\u0006", undefined, "latin1"));
  const entries: Buffer[] = [];
  for (let from = at; from < bytes.length - ending.length; ) {
    const length = 46 + bytes.readUInt16LE(from + 28);
    entries.push(...each(bytes.subarray(from, from + length)));
    from += length;
  }
  const end = Buffer.from(ending);
  for (const place of [8, 10]) end.writeUInt16LE(entries.length, place);
  return Buffer.concat([bytes.subarray(0, at), ...entries, end]);
}
/** An entry that says of itself what is not so. */
const lying = (entry: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(entry);
  change(copy);
  return copy;
};
const named = (entry: Buffer, letter: string) => lying(entry, (copy) => copy.write(letter, 53));
/** Four megabytes that say they unpack to a hundred bytes. */
const falsified = withDirectory(
  zipSync({ "a/data.pkl": [new Uint8Array(2 ** 22), { level: 9 }] }),
  (entry) => [lying(entry, (copy) => copy.writeUInt32LE(100, 24))],
);
/** A kilobyte that is also other entries. */
const overlapping = withDirectory(
  zipSync({ "a/data.pkl": [new Uint8Array(1000), { level: 0 }] }),
  (entry) => [..."wxyz"].map((letter) => named(entry, letter)),
);
const shrunk = (entry: Buffer) => [lying(entry, (copy) => copy.writeUInt32LE(1, 24))];
const NOTHING = new Uint8Array(1);
const storedPickle = pickled(tensorWith(...GOOD));

const refused: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
  ["a call of another function", pickled(tensorWith("os\nsystem", GOOD[1])), /name "os system"/],
  ["another storage class", pickled(tensorWith(GOOD[0], "torch\nX")), /name "torch X"/],
  ["a shape longer than its storage", pickled(tensorWith(...GOOD, "K\x10\x85K\x01\x85")), /16/],
  ["strides that leave the storage", pickled(tensorWith(...GOOD, "K\x0f\x85K\x02\x85")), /29/],
  ["an expanded view", pickled(tensorWith(...GOOD, "K\x10\x85K\x00\x85")), /16 .*contiguous.* 15/],
  ["a negative length", pickled(tensorWith(...GOOD, "J\xff\xff\xff\xff\x85K\x01\x85")), /whole/],
  ["fewer strides than axes", pickled(tensorWith(...GOOD, "K\x03K\x05\x86K\x01\x85")), /strides/],
  ["an opcode that builds objects", pickled("\x80\x02)b."), /opcode 0x62/],
  ["a pickle cut off", pickled(tensorWith(...GOOD).slice(0, 90)), /ends early/],
  ["a mark that is not there", pickled("\x80\x02t."), /no mark/],
  ["an unknown memo", pickled("\x80\x02h\x07."), /memo 7/],
  ["a dictionary of tensors", recorded("dictionary"), /./],
  ["integers", recorded("integers"), /./],
  ["no archive", Buffer.from("not a zip"), /torch\.save/],
  ["half a file", recorded("float32").subarray(0, 300), /torch\.save/],
  ["an archive without a pickle", zipSync({ "a/x": [NOTHING, { level: 0 }] }), /data\.pkl/],
  ["a compressed archive", pickled(tensorWith(...GOOD), eighths, 9), /compressed/],
  ["an entry that unpacks to more than it says", falsified, /compressed/],
  ["a stored entry of two sizes", withDirectory(storedPickle, shrunk), /compressed/],
  ["one that shares its bytes with others", overlapping, /share their bytes/],
  ["an entry that is there twice", withDirectory(storedPickle, (one) => [one, one]), /twice/],
];
for (const [what, bytes, message] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(() => readTorchTensor(bytes, limits), { code: "file/invalid", message });
  });
}

test("1,000 damaged files give a tensor or a typed error, nothing else", () => {
  const random = new Random(5);
  const names = readdirSync(folder).filter((name) => name.endsWith(".pt"));
  for (let round = 0; round < 1000; round++) {
    const bytes = Buffer.from(readFileSync(join(folder, names[round % names.length]!)));
    for (let change = 0; change < 3; change++) {
      bytes[random.integer(bytes.length)] = random.integer(256);
    }
    try {
      assert.ok(readTorchTensor(bytes, limits).data.length <= limits.maxElements);
    } catch (thrown) {
      assert.match(String((thrown as { code?: string }).code), /^file\//, String(thrown));
    }
  }
});
