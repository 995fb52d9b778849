import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { compileGraph } from "../../generator/compiled-graphs.ts";
import { Graph, matMul, silu } from "../../graph/index.ts";
import { floats } from "../../runtime/index.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";

/** y = silu(x · W) with W in a file, compiled in `folder`; returns y of x = (1, 2). */
async function run(folder: string): Promise<number[]> {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["n", 2]);
  const external = { file: "weights.bin", offset: 0, byteLength: 16 };
  const product = matMul(graph, x, graph.weight("W", "float32", [2, 2], external));
  graph.output("y", silu(graph, product));
  const session = await compileGraph(graph, folder, { threads: 1 });
  try {
    const { y } = await session.run({ x: floats(Float32Array.of(1, 2), [1, 2]) });
    return [...(y!.data as Float32Array)];
  } finally {
    await session.close();
  }
}

function folderWithWeights(context: TestContext): string {
  const folder = temporaryFolder(context);
  writeFileSync(join(folder, "weights.bin"), new Uint8Array(Float32Array.of(1, 0, 0, 1).buffer));
  return folder;
}

const optimizedIn = (folder: string) => {
  const [name] = readdirSync(folder).filter((file) => /^optimized-\w+\.onnx$/.test(file));
  return join(folder, name!);
};

test("the optimised graph is kept and loaded, and computes the same", async (context) => {
  const folder = folderWithWeights(context);
  const first = await run(folder);
  const { mtimeMs, ino } = statSync(optimizedIn(folder));
  assert.deepEqual(await run(folder), first);
  const second = statSync(optimizedIn(folder));
  assert.deepEqual([second.mtimeMs, second.ino], [mtimeMs, ino]);
  assert.deepEqual(
    readdirSync(folder).filter((file) => file.endsWith(".tmp")),
    [],
  );
});

test("a damaged optimised graph is made anew, whatever is damaged", async (context) => {
  const folder = folderWithWeights(context);
  const first = await run(folder);
  const path = optimizedIn(folder);
  const whole = readFileSync(path);
  const flipped = Buffer.from(whole);
  flipped[whole.length >> 1]! ^= 0xff;
  for (const bytes of [flipped, whole.subarray(0, 40), Buffer.alloc(0), Buffer.from("no graph")]) {
    writeFileSync(path, bytes);
    assert.deepEqual(await run(folder), first);
    assert.deepEqual(readFileSync(path), whole);
  }
  for (const seal of ["", "{}", '{"sha256":"0"}', "{"]) {
    writeFileSync(`${path}.json`, seal);
    assert.deepEqual(await run(folder), first);
  }
});

test("a damaged graph file is written again", async (context) => {
  const folder = folderWithWeights(context);
  const first = await run(folder);
  const name = readdirSync(folder).find((file) => file.startsWith("graph-"))!;
  const path = join(folder, name);
  writeFileSync(
    path,
    readFileSync(path).map((byte) => byte ^ 1),
  );
  writeFileSync(optimizedIn(folder), "");
  assert.deepEqual(await run(folder), first);
});

test("an optimised graph that cannot be written is done without, and leaves nothing behind", async (context) => {
  const folder = folderWithWeights(context);
  const first = await run(folder);
  const optimized = optimizedIn(folder);
  rmSync(optimized);
  rmSync(`${optimized}.json`);
  // Folders stand where the file would be written first, whatever its number.
  const numbers = Array.from({ length: 50 }, (_, number) => number);
  for (const number of numbers) mkdirSync(`${optimized}.${process.pid}-${number}.tmp`);
  assert.deepEqual(await run(folder), first);
  for (const number of numbers)
    rmSync(`${optimized}.${process.pid}-${number}.tmp`, { recursive: true });
  // Now one stands where it would be put.
  mkdirSync(optimized);
  assert.deepEqual(await run(folder), first);
  assert.deepEqual(
    readdirSync(folder).filter((file) => file.endsWith(".tmp")),
    [],
  );
});

test("a graph that ONNX Runtime refuses is an error all the same", async (context) => {
  const folder = temporaryFolder(context);
  await assert.rejects(run(folder), { code: "engine/failed" });
  assert.deepEqual(
    readdirSync(folder).filter((file) => file.endsWith(".tmp")),
    [],
  );
});
