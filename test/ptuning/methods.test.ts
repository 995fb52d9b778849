import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sha256File } from "../../core/index.ts";
import { readModel } from "../../generator/index.ts";
import {
  conditioningOf,
  generateAnswer,
  layOutPrompt,
  loadPrompt,
  parseTuneSettings,
  type TuneEvent,
  templateOf,
  tunePrompt,
} from "../../ptuning/index.ts";
import { openSafetensors } from "../../runtime/index.ts";
import { openTinyGenerator, reopenTiny, type TinyGenerator } from "./tiny-generator.ts";
import { tinyPairs, tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

/** Numbers trained for the tiny model of 48 columns, 3 layers, 6 heads of 8 and 2 key/value heads, 4 virtual tokens. */
const METHODS: readonly {
  readonly name: string;
  readonly settings: object;
  readonly trained: number;
  readonly files: readonly string[];
}[] = [
  {
    name: "p-tuning mlp",
    settings: { method: "p-tuning", encoderHiddenSize: 8 },
    trained: 4 * 48 + 48 * 8 + 8 + 8 * 8 + 8 + 8 * 48 + 48,
    files: ["adapter_config.json", "adapter_model.safetensors"],
  },
  {
    name: "p-tuning-v2",
    settings: { method: "p-tuning-v2" },
    trained: 3 * 2 * 4 * 16,
    files: ["deep_tokens.safetensors"],
  },
  {
    name: "prompt-tuning",
    settings: { method: "prompt-tuning" },
    trained: 4 * 48,
    files: ["adapter_config.json", "adapter_model.safetensors"],
  },
  {
    name: "prefix-tuning",
    settings: { method: "prefix-tuning" },
    trained: 3 * 2 * 4 * 16,
    files: ["adapter_config.json", "adapter_model.safetensors"],
  },
  {
    name: "prefix-tuning with projection",
    settings: { method: "prefix-tuning", projection: true, encoderHiddenSize: 8 },
    trained: 4 * 16 + 16 * 8 + 8 + 8 * 96 + 96,
    files: ["adapter_config.json", "adapter_model.safetensors"],
  },
  {
    name: "lora",
    settings: {
      method: "lora",
      learningRate: 0.01,
      rank: 4,
      alpha: 8,
      targets: ["q", "v", "down"],
    },
    trained: 3 * 4 * (48 + 48 + 48 + 16 + 112 + 48),
    files: ["adapter_config.json", "adapter_model.safetensors"],
  },
  {
    name: "full",
    settings: { method: "full", learningRate: 1e-3 },
    trained: 74_832,
    files: ["model/config.json", "model/model.safetensors", "model/tokenizer.json"],
  },
];

const EPOCHS = 6;

describe("every method on the tiny model", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const tune = async (settings: object) => {
    const parsed = parseTuneSettings(
      {
        tokens: 4,
        epochs: EPOCHS,
        patience: EPOCHS,
        batch: 8,
        limit: 8,
        warmupSteps: 1,
        learningRate: 0.05,
        ...settings,
      },
      "test",
    );
    const events: TuneEvent[] = [];
    const { generator, storeFolder } = tiny;
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    for await (const event of tunePrompt(parsed, parts)) events.push(event);
    return events;
  };
  const answer = async (name?: string) => {
    const learned = name === undefined ? undefined : await loadPrompt(tiny.storeFolder, name);
    const { question } = tinyPairs[0]!;
    const [passages] = await tinyRetrieve([question], 3);
    const prompt = layOutPrompt(tiny.generator.model, {
      question,
      passages: passages!,
      ...(learned ? { template: templateOf(learned) } : {}),
      maxTokens: 1000,
    });
    const conditioning = learned && conditioningOf(learned);
    return generateAnswer(tiny.generator, prompt, { conditioning, maxTokens: 8 });
  };

  for (const { name, settings, trained, files } of METHODS) {
    test(`${name} trains what it should, lowers the loss, and leaves the model's file and answers as they were`, async () => {
      const prompt = name.replaceAll(" ", "-");
      const weights = join(tiny.modelFolder, "model.safetensors");
      const before = { hash: await sha256File(weights), answer: await answer() };
      const events = await tune({ ...settings, name: prompt });
      const prepared = events.find((one) => one.event === "prepared")!;
      assert.equal(prepared.trainableParameters, trained);
      assert.equal(prepared.allParameters, 74_832 + (name === "full" ? 0 : trained));
      const losses = events.filter((one) => one.event === "step").map(({ loss }) => loss);
      assert.equal(losses.length, EPOCHS, "one batch holds all");
      assert.ok(losses.at(-1)! < losses[0]!, losses.join(" "));
      assert.deepEqual(
        { hash: await sha256File(weights), answer: await answer() },
        before,
        "the frozen model",
      );
      const folder = join(tiny.storeFolder, "prompts", prompt);
      const there = await readdir(folder, { recursive: true });
      for (const file of files) assert.ok(there.includes(join(file)), file);
      assert.equal(typeof (await answer(prompt)), "string");
      const { virtualTokens, attention } = (await loadPrompt(tiny.storeFolder, prompt)).about;
      assert.equal(attention?.virtualTokens.length ?? 0, virtualTokens);
      const shares = attention
        ? [attention.before, ...attention.virtualTokens, attention.after]
        : [1];
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-4);
    });
  }

  for (const method of ["p-tuning", "prompt-tuning", "p-tuning-v2", "prefix-tuning"]) {
    test(`${method} starts at a text, at vocabulary samples or at random numbers`, async () => {
      const losses: number[] = [];
      for (const initialise of ["text", "vocabulary", "random"]) {
        const still = { method, initialise, epochs: 1, learningRate: 1e-30, name: "start" };
        const events = await tune(still);
        losses.push(events.find((one) => one.event === "step")!.loss);
      }
      assert.equal(new Set(losses).size, 3, losses.join(" "));
    });
  }

  test("with accumulation a step's loss and gradient are those of the batches together", async () => {
    const run = async (settings: object) => {
      const events = await tune({ method: "p-tuning-v2", name: "sum", epochs: 3, ...settings });
      const steps = events.filter((one) => one.event === "step");
      return steps.map(({ loss, gradientNorm }) => [loss, gradientNorm]);
    };
    const [whole, parts] = [await run({ batch: 8 }), await run({ batch: 3, accumulate: 3 })];
    assert.equal(parts.length, whole.length);
    for (const [index, [loss, norm]] of parts.entries()) {
      assert.ok(Math.abs(loss! - whole[index]![0]!) < 1e-4);
      assert.ok(Math.abs(norm! - whole[index]![1]!) < 1e-3 * whole[index]![1]! + 1e-5);
    }
  });

  test("a fully trained model is saved as a folder that opens, with other weights of the same names", async () => {
    const folder = join(tiny.storeFolder, "prompts", "full", "model");
    const path = join(folder, "model.safetensors");
    const [own, base] = [
      openSafetensors(path),
      openSafetensors(join(tiny.modelFolder, "model.safetensors")),
    ];
    assert.deepEqual([...own.tensors.keys()].sort(), [...base.tensors.keys()].sort());
    for (const [name, { shape }] of base.tensors) {
      assert.deepEqual(own.tensors.get(name)!.shape, shape);
      assert.notDeepEqual(own.readF32(name), base.readF32(name), name);
    }
    for (const file of [own, base]) file.close();
    const fingerprint = await sha256File(path);
    const model = readModel({ name: "own", folder, weightsPath: path, fingerprint });
    assert.deepEqual(model.config, tiny.generator.model.config);
    const generator = await reopenTiny(path, tiny.folder);
    try {
      const { question } = tinyPairs[0]!;
      const [passages] = await tinyRetrieve([question], 3);
      const prompt = layOutPrompt(model, { question, passages: passages!, maxTokens: 1000 });
      assert.equal(await generateAnswer(generator, prompt, { maxTokens: 8 }), await answer("full"));
    } finally {
      await generator.close();
    }
  });

  test("a LoRA adapter has PEFT's tensors and the fields PEFT writes", async () => {
    const folder = join(tiny.storeFolder, "prompts", "lora");
    const file = openSafetensors(join(folder, "adapter_model.safetensors"));
    assert.deepEqual(
      file.tensors.get("base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight")?.shape,
      [16, 4],
    );
    assert.equal(file.tensors.size, 3 * 3 * 2);
    file.close();
    const read = async (path: string) => JSON.parse(await readFile(path, "utf8"));
    const config = await read(join(folder, "adapter_config.json"));
    const peft = await read(
      join(import.meta.dirname, "../fixtures/golden/models/llama-tied/lora/adapter_config.json"),
    );
    assert.deepEqual(Object.keys(config).sort(), Object.keys(peft).sort());
    assert.deepEqual(config.target_modules, ["q_proj", "v_proj", "down_proj"]);
    const { target_modules: _, base_model_name_or_path: __, ...rest } = config;
    const { target_modules: ___, base_model_name_or_path: ____, ...expected } = peft;
    assert.deepEqual(rest, expected);
  });

  test("LoRA that has not been trained changes nothing", async () => {
    await tune({ name: "still", method: "lora", learningRate: 1e-30, epochs: 1 });
    assert.equal(await answer("still"), await answer());
  });
});
