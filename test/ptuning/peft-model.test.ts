import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RagError } from "../../core/index.ts";
import {
  getPeftModel,
  LoraConfig,
  type PeftConfig,
  PrefixTuningConfig,
  PromptEncoderConfig,
  PromptTuningConfig,
  parseTuneSettings,
  tunePrompt,
} from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const PARAMETERS = 74_832;

describe("the API that reads like PEFT", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const cases: readonly (readonly [type: string, config: PeftConfig, trained: number])[] = [
    ["PROMPT_TUNING", new PromptTuningConfig({ numVirtualTokens: 5, learningRate: 0.05 }), 5 * 48],
    [
      "P_TUNING",
      new PromptEncoderConfig({ numVirtualTokens: 5, encoderHiddenSize: 8, learningRate: 0.02 }),
      5 * 48 + 48 * 8 + 8 + 8 * 8 + 8 + 8 * 48 + 48,
    ],
    ["PREFIX_TUNING", new PrefixTuningConfig({ numVirtualTokens: 5, learningRate: 0.05 }), 5 * 96],
    [
      "LORA",
      new LoraConfig({ r: 2, targetModules: ["q_proj", "v_proj"], learningRate: 0.02 }),
      3 * 2 * (48 + 48 + 48 + 16),
    ],
  ];
  for (const [type, config, trained] of cases) {
    test(`${type}: counts, trains and saves`, async () => {
      const model = await getPeftModel(tiny.generator, config);
      try {
        const counts = model.trainableParameters();
        assert.equal(counts.trainableParameters, trained);
        assert.equal(counts.allParameters, PARAMETERS + trained);
        assert.match(counts.text, /^trainable params: [\d,]+ \|\| all params: [\d,]+ \|\| train/);
        const examples = [{ prefixIds: [], ids: [5, 9, 12, 7], answerIds: [30, 31] }];
        const first = await model.trainStep(examples);
        for (let step = 0; step < 10; step++) await model.trainStep(examples);
        const last = await model.trainStep(examples);
        assert.ok(last.loss < first.loss, `${first.loss} to ${last.loss}`);
        const folder = join(tiny.folder, type);
        await model.savePretrained(folder);
        const saved = JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8"));
        assert.equal(saved.peft_type, type);
        assert.equal(saved.base_model_name_or_path, "tiny");
      } finally {
        await model.close();
      }
    });
  }

  test("a generator trains one thing at a time: a second is refused, and the first goes on unharmed", async () => {
    const { generator, storeFolder } = tiny;
    const examples = [{ prefixIds: [], ids: [5, 9, 12, 7], answerIds: [30, 31] }];
    const config = (loraAlpha: number) => new LoraConfig({ r: 2, loraAlpha, learningRate: 0.05 });
    const first = await getPeftModel(generator, config(2));
    await first.trainStep(examples);
    const { loss } = await first.trainStep(examples, 0);
    const refused = { code: "config/invalid", message: /"tiny".*PeftModel\.close.*Generator/ };
    await assert.rejects(getPeftModel(generator, config(64)), refused);
    const settings = { name: "beside", method: "lora", epochs: 1, limit: 8, rank: 2 };
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    await assert.rejects(async () => {
      for await (const _ of tunePrompt(parseTuneSettings(settings, "test"), parts));
    }, refused);
    assert.equal((await first.trainStep(examples, 0)).loss, loss);
    await first.close();
    const second = await getPeftModel(generator, config(64));
    await first.close();
    await second.trainStep(examples);
    await second.close();
  });

  test("examples that cannot be learned as they are meant are refused by field, and the model trains on", async () => {
    const whole = { prefixIds: [], ids: [5, 9], answerIds: [30, 31] };
    const refused: readonly (readonly [examples: readonly object[], field: string])[] = [
      [[], "examples"],
      [[whole, { ...whole, ids: [] }], "examples[1].ids"],
      [[{ ...whole, answerIds: [] }], "examples[0].answerIds"],
      [[{ ...whole, answerIds: [-100, 6] }], "examples[0].answerIds[0]"],
      [[{ ...whole, ids: [5, 1.5] }], "examples[0].ids[1]"],
      [[{ ...whole, ids: [160] }], "examples[0].ids[0]"],
      [[{ ...whole, prefixIds: [4] }], "examples[0].prefixIds"],
      [[{ ids: [5], answerIds: [6] }], "examples[0].prefixIds"],
    ];
    for (const config of [
      new LoraConfig({ r: 2, learningRate: 0.05 }),
      new PrefixTuningConfig({ numVirtualTokens: 2 }),
    ]) {
      const model = await getPeftModel(tiny.generator, config);
      try {
        for (const [examples, field] of refused) {
          await assert.rejects(model.trainStep(any(examples)), (error: RagError) => {
            assert.deepEqual([error.code, error.param], ["request/invalid", field]);
            assert.ok(error.message.startsWith(`${field}: `), error.message);
            return true;
          });
        }
        assert.ok(Number.isFinite((await model.trainStep([whole])).loss));
      } finally {
        await model.close();
      }
    }
  });

  test("virtual tokens alone may stand before an answer", async () => {
    const model = await getPeftModel(
      tiny.generator,
      new PromptTuningConfig({ numVirtualTokens: 3 }),
    );
    try {
      const { loss } = await model.trainStep([{ prefixIds: [], ids: [], answerIds: [30] }], 0);
      assert.ok(Number.isFinite(loss));
    } finally {
      await model.close();
    }
  });

  const wrong: readonly (readonly [make: () => PeftConfig, named: string])[] = [
    [() => new PromptTuningConfig({ numVirtualTokens: 0 }), "numVirtualTokens"],
    [() => new PromptTuningConfig(any({ promptTuningInit: "random" })), "promptTuningInit"],
    [
      () => new PromptTuningConfig({ promptTuningInit: "RANDOM", promptTuningInitText: "Do." }),
      "promptTuningInitText",
    ],
    [
      () => new PromptTuningConfig({ promptTuningInit: "TEXT" }),
      "promptTuningInitText: has to be given",
    ],
    [() => new PromptTuningConfig(any({ tokenizerNameOrPath: "x" })), "tokenizerNameOrPath"],
    [() => new PromptEncoderConfig(any({ encoderDropout: 0.1 })), "encoderDropout"],
    [
      () => new PromptEncoderConfig(any({ encoderReparameterizationType: "lstm" })),
      "encoderReparameterizationType",
    ],
    [() => new PromptEncoderConfig({ encoderHiddenSize: 0 }), "encoderHiddenSize"],
    [() => new PrefixTuningConfig(any({ initWeights: "zero" })), "initWeights"],
    [() => new PrefixTuningConfig(any({ prefixProjection: "yes" })), "prefixProjection"],
    ...[
      { useRslora: true },
      { useDora: true },
      { loraDropout: 0.1 },
      { bias: "all" },
      { rankPattern: { q_proj: 2 } },
      { numVirtualTokens: 8 },
      { r: 0 },
      { loraAlpha: "16" },
      { targetModules: "q_proj" },
      { learningRate: -1 },
      { seed: 0.5 },
    ].map((fields): (typeof wrong)[number] => [
      () => new LoraConfig(any(fields)),
      Object.keys(fields)[0]!,
    ]),
  ];
  /** What only a program without types can write. */
  function any<Fields>(fields: unknown): Fields {
    return fields as Fields;
  }
  for (const [make, named] of wrong) {
    test(`the field ${named} is refused where it was written`, () => {
      assert.throws(make, {
        code: "config/invalid",
        message: new RegExp(`^(Prompt|Prefix|Lora)[A-Za-z]*Config: .*${named}`, "s"),
      });
    });
  }

  test("fields that are left out have the defaults that are said", () => {
    const { tokens, initialise, placement } = new PromptTuningConfig().settings;
    assert.deepEqual([tokens, initialise, placement], [20, "random", "prefix"]);
    const text = new PromptTuningConfig({ promptTuningInitText: "Answer briefly." }).settings;
    assert.deepEqual([text.initialise, text.instruction], ["text", "Answer briefly."]);
    const { rank, alpha, targets } = new LoraConfig().settings;
    assert.deepEqual([rank, alpha, targets], [8, 8, undefined]);
    assert.equal(new PromptEncoderConfig().settings.encoder, "mlp");
  });
});
