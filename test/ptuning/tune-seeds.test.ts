import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  listPrompts,
  loadPrompt,
  parseTuneSettings,
  saveCheckpoint,
  savePrompt,
  type TuneEvent,
  tunePrompt,
} from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const BASE = { method: "prompt-tuning", tokens: 2, epochs: 1, limit: 8, seeds: 2, batch: 4 };

describe("a training over several seeds", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const tune = async (settings: object): Promise<TuneEvent[]> => {
    const { generator, storeFolder } = tiny;
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    const events: TuneEvent[] = [];
    const parsed = parseTuneSettings({ ...BASE, ...settings }, "test");
    for await (const event of tunePrompt(parsed, parts)) events.push(event);
    return events;
  };
  const steps = (events: readonly TuneEvent[]) => events.filter(({ event }) => event === "step");
  const names = async () => (await listPrompts(tiny.storeFolder)).map(({ name }) => name);

  test("that has ended only says so again when it is resumed", async () => {
    const done = (await tune({ name: "ended" })).at(-1)! as TuneEvent & { event: "done" };
    const { content, about } = await loadPrompt(tiny.storeFolder, "ended");
    const again = await tune({ name: "ended", resume: true });
    assert.equal(again.length, 1);
    const { seconds } = about.training;
    assert.deepEqual(again[0], { ...done, seconds });
    assert.deepEqual((await loadPrompt(tiny.storeFolder, "ended")).content, content);
  });

  test("that has ended and was killed before it cleared up is cleared up", async () => {
    await tune({ name: "killed" });
    // As it stands when the other seed's prompt is not removed yet.
    const other = (await loadPrompt(tiny.storeFolder, "killed")).about.training.seed === 1 ? 2 : 1;
    await tune({ name: `killed.seed-${other}`, seeds: 1, seed: other });
    assert.ok((await names()).includes(`killed.seed-${other}`));
    const again = await tune({ name: "killed", resume: true });
    assert.equal(steps(again).length, 0);
    assert.ok(!(await names()).some((name) => name.startsWith("killed.seed")));
  });

  test("that has ended is known again, though a training of its name was killed before it", async () => {
    const state = { parameters: new Map(), optimizer: new Map(), progress: {} };
    const { content, about } = await loadPrompt(tiny.storeFolder, "ended");
    const stale = { content, about: { ...about, name: "stale" } };
    await saveCheckpoint(tiny.storeFolder, stale, state);
    await tune({ name: "stale" });
    const again = await tune({ name: "stale", resume: true });
    assert.deepEqual(
      again.map(({ event }) => event),
      ["done"],
    );
  });

  test("that has ended is not resumed with more seeds: the others are gone", async () => {
    await tune({ name: "more" });
    await assert.rejects(tune({ name: "more", seeds: 3, resume: true }), {
      code: "config/invalid",
      param: "seeds",
      message: /best of 2 seeds.*without --resume/,
    });
  });

  test("with other settings is trained, whatever has the name", async () => {
    await tune({ name: "changed" });
    const again = await tune({ name: "changed", epochs: 2, resume: true });
    assert.ok(steps(again).length > 0);
  });

  for (const resume of [false, true]) {
    test(`leaves a user's own prompt alone that has a seed's name, resume ${resume}`, async () => {
      const own = await loadPrompt(tiny.storeFolder, "ended");
      const name = `taken-${resume}.seed-2`;
      await savePrompt(tiny.storeFolder, { ...own, about: { ...own.about, name } });
      await assert.rejects(tune({ name: `taken-${resume}`, resume }), {
        code: "config/invalid",
        message: new RegExp(`"${name}".*prompts rm ${name}.*another --name`),
      });
      assert.deepEqual((await loadPrompt(tiny.storeFolder, name)).content, own.content);
    });
  }
});
