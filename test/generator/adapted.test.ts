import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Random } from "../../core/index.ts";
import {
  type Conditioning,
  chooseModules,
  type GenerationRequest,
  type Generator,
  GREEDY,
  loraNames,
  parameterCount,
  rotateRows,
} from "../../generator/index.ts";
import type { DenseTensor } from "../../runtime/index.ts";
import { largestDifference } from "../parity/check.ts";
import { openTinyGenerator, type TinyGenerator } from "../ptuning/tiny-generator.ts";
import { someIds } from "./tiny-engine.ts";

const RANK = 3;
const SCALE = 2;

interface Generated {
  readonly ids: readonly number[];
  readonly logProbabilities: readonly number[];
}

/** The same ids, equally likely: what hardly changes ids shows there. */
function isSame(a: Generated, b: Generated): boolean {
  const difference = largestDifference(a.logProbabilities, b.logProbabilities);
  return a.ids.join() === b.ids.join() && difference < 1e-3;
}

/** Greedy ids with their log probabilities. */
async function generate(generator: Generator, request: Partial<GenerationRequest>) {
  const ids: number[] = [];
  const logProbabilities: number[] = [];
  const whole = {
    prefixIds: someIds(20, 3),
    ids: someIds(6, 4),
    maxTokens: 12,
    stopIds: [],
    sampling: GREEDY,
    logProbabilities: true,
  };
  for await (const { id, logProbability } of generator.generate({ ...whole, ...request })) {
    ids.push(id);
    logProbabilities.push(logProbability!);
  }
  return { ids, logProbabilities };
}

for (const family of ["llama-tied", "gpt2", "qwen2"]) {
  describe(`conditioning that changes everything after it, on ${family}`, () => {
    let tiny: TinyGenerator;
    before(async () => {
      tiny = await openTinyGenerator(family);
    });
    after(() => tiny.close());

    test("a prefix of a text's own keys and values answers as the text itself in front", async () => {
      const text = someIds(5, 9);
      const { config } = tiny.generator.model;
      const { keys, values, count } = await tiny.generator.deepTokens(text);
      const prefix: Conditioning = {
        kind: "prefix",
        count,
        keys: keys.map((key) => rotateRows(key, config, 0, count)),
        values,
      };
      const inFront = await generate(tiny.generator, { prefixIds: [...text, ...someIds(20, 3)] });
      assert.ok(isSame(await generate(tiny.generator, { conditioning: prefix }), inFront));
      assert.ok(!isSame(await generate(tiny.generator, {}), inFront));
    });

    test("LoRA answers as the model with the product added to its weights", async () => {
      const { config } = tiny.generator.model;
      const modules = chooseModules(config, ["all-linear"]).filter((_, index) => index % 2 === 0);
      const random = new Random(3);
      const draw = (shape: readonly number[]): DenseTensor => ({
        shape,
        data: Float32Array.from({ length: shape[0]! * shape[1]! }, () => random.normal() / 4),
      });
      const matrices = new Map<string, DenseTensor>();
      const weights = new Map(await tiny.generator.trainableWeights());
      for (const { path, projection, firstRow, rows, columns } of modules) {
        const [a, b] = [draw([RANK, columns]), draw([rows, RANK])];
        matrices.set(loraNames(path).a, a);
        matrices.set(loraNames(path).b, b);
        const { shape, data } = weights.get(projection)!;
        const merged = data.map((value, i) => {
          const [row, column] = [Math.floor(i / columns) - firstRow, i % columns];
          if (row < 0 || row >= rows) return value;
          let sum = 0;
          for (let r = 0; r < RANK; r++) {
            sum += b.data[row * RANK + r]! * a.data[r * columns + column]!;
          }
          return value + SCALE * sum;
        });
        weights.set(projection, { shape, data: merged });
      }
      const shape = { rank: RANK, scale: SCALE, modules: modules.map(({ path }) => path) };
      const identity = (slot: string) => ({ slot, version: "1" });
      const lora: Conditioning = {
        kind: "lora",
        count: 0,
        identity: identity("lora"),
        shape,
        matrices,
      };
      const full: Conditioning = { kind: "full", count: 0, identity: identity("full"), weights };
      const base = await generate(tiny.generator, {});
      const found = await generate(tiny.generator, { conditioning: lora });
      assert.ok(isSame(found, await generate(tiny.generator, { conditioning: full })));
      assert.ok(!isSame(found, base));
      assert.deepEqual(await generate(tiny.generator, {}), base, "the base model is as it was");
    });

    test("requests with different adaptations at the same time do not disturb each other", async () => {
      const weights = await tiny.generator.trainableWeights();
      const conditionings = [0, 1, 2, 3, 4].map((slot): Conditioning => {
        const random = new Random(slot + 50);
        const changed = [...weights].map(([name, { shape, data }]) => {
          return [
            name,
            { shape, data: data.map((value) => value + random.normal() / 20) },
          ] as const;
        });
        const identity = { slot: `slot ${slot}`, version: "1" };
        return { kind: "full", count: 0, identity, weights: new Map(changed) };
      });
      const alone: Generated[] = [];
      for (const conditioning of conditionings) {
        alone.push(await generate(tiny.generator, { conditioning }));
      }
      const together = await Promise.all(
        conditionings.map((conditioning) => generate(tiny.generator, { conditioning })),
      );
      for (const [index, one] of together.entries()) assert.ok(isSame(one, alone[index]!));
      const likely = new Set(alone.map(({ logProbabilities }) => logProbabilities[0]));
      assert.equal(likely.size, alone.length);
    });

    test("the number of parameters is that of the weights", async () => {
      const sizes = [...(await tiny.generator.trainableWeights()).values()];
      const total = sizes.reduce((sum, { data }) => sum + data.length, 0);
      assert.equal(parameterCount(tiny.generator.model.config), total);
    });
  });
}

test("a LoRA target is found by name, by its short form and by the end of its path", async () => {
  const tiny = await openTinyGenerator("gpt2");
  try {
    const { config } = tiny.generator.model;
    const paths = (targets: readonly string[]) =>
      chooseModules(config, targets).map(({ path }) => path);
    assert.equal(paths(["c_proj"]).length, 2 * config.layers);
    assert.deepEqual(paths(["attn.c_proj"])[0], "transformer.h.0.attn.c_proj");
    assert.throws(() => paths(["q"]), { code: "config/invalid", message: /"q".*c_attn, c_proj/ });
  } finally {
    await tiny.close();
  }
});
