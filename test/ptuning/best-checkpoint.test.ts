import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  loadTraining,
  parseTuneSettings,
  type TensorMap,
  type TuneEvent,
  tunePrompt,
} from "../../ptuning/index.ts";
import { tensorsIn } from "./tensors-in.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { tinyPairs, tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const BASE = { tokens: 2, epochs: 3, batch: 8, patience: 9, checkpointSteps: 99 };
const BEST_EPOCH = 2;

describe("a training whose second of three epochs scores best", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  /** Held-out questions are answered rightly while `isRight` says so, else with nothing. */
  const answer = (context: TestContext, isRight: () => boolean) => {
    const { generator } = tiny;
    const { tokenizer } = generator.model;
    // Of what it gives, only the ids are read.
    const scripted = async function* ({ ids }: { readonly ids: readonly number[] }) {
      const text = tokenizer.decode([...ids]);
      const { answers } = tinyPairs.find(({ question }) => text.includes(question))!;
      const tokens = isRight() ? tokenizer.encode(answers[0]!) : [];
      for (const id of tokens) yield { id };
    };
    context.mock.method(generator, "generate", scripted);
  };

  /** Trains; gives the parameters at the end of each epoch but the last. */
  const tune = async (context: TestContext, settings: object) => {
    const { generator, storeFolder } = tiny;
    const parsed = parseTuneSettings({ ...BASE, ...settings }, "test");
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    const epochs: TensorMap[] = [];
    const events: TuneEvent[] = [];
    let epoch = 1;
    answer(context, () => epoch === BEST_EPOCH);
    for await (const event of tunePrompt(parsed, parts)) {
      events.push(event);
      if (event.event !== "step" || event.epoch === epoch) continue;
      // The first step of an epoch is not saved: what is saved is the end of the one before.
      epochs.push((await loadTraining(storeFolder, parsed.name)).state!.parameters);
      epoch = event.epoch;
    }
    const scores = events.flatMap((event) => (event.event === "dev" ? [event.f1] : []));
    assert.deepEqual(scores, [0, 100, 0]);
    return epochs;
  };

  test("saves the rows of then, not of the end", async (context) => {
    const epochs = await tune(context, { name: "rows" });
    const saved = tensorsIn(join(tiny.storeFolder, "prompts/rows/deep_tokens.safetensors"));
    assert.deepEqual(saved, epochs[BEST_EPOCH - 1]);
    assert.notDeepEqual(saved, epochs[0]);
  });

  test("saves the weights of then, where a whole model is trained", async (context) => {
    const epochs = await tune(context, { name: "whole", method: "full" });
    const saved = tensorsIn(join(tiny.storeFolder, "prompts/whole/model/model.safetensors"));
    const table = saved.get("model.embed_tokens.weight")!.data;
    assert.deepEqual(table, epochs[BEST_EPOCH - 1]!.get("embedding")!.data);
    assert.notDeepEqual(table, epochs[0]!.get("embedding")!.data);
  });
});
