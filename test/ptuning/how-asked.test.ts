import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  exportPrompt,
  getPeftModel,
  type ImportOptions,
  importPrompt,
  type LearnedPrompt,
  PromptTuningConfig,
  savePrompt,
  templateOf,
} from "../../ptuning/index.ts";
import { countingArray, describePrompt } from "./learned-prompts.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";

const OWN = "{passages}Q: {question}\n{virtual tokens}A:";
const FRAME = "system: {system}\nuser: ";
const PASSAGES = "[{n}] {title}\\n{passage}… ";

describe("how a prompt is asked, when it goes out and comes back", () => {
  let tiny: TinyGenerator;
  let number = 0;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());
  const options = (more: Partial<ImportOptions> = {}): ImportOptions => ({
    name: "back",
    model: tiny.generator.model,
    trustBaseModel: true,
    ...more,
  });
  /** A prompt of rows, told apart by how it is asked. */
  const promptOf = (about: Partial<LearnedPrompt["about"]>): LearnedPrompt => ({
    about: describePrompt({ method: "prompt-tuning", virtualTokens: 2, ...about }),
    content: { virtualTokens: countingArray(2 * 48) },
  });
  const exported = async (prompt: LearnedPrompt, format: "peft" | "spring" | "vllm") => {
    const out = join(tiny.folder, `out-${number++}`);
    await exportPrompt(prompt, { format, out, generator: async () => tiny.generator });
    return out;
  };
  const read = (passages: number, passagesMax: number) => ({
    ...describePrompt().training,
    passages,
    passagesMax,
  });
  const askedOf = (prompt: LearnedPrompt) => {
    const { task = "question", placement, training } = prompt.about;
    const { passages, passagesMax, maxAnswerTokens } = training;
    const template = templateOf(prompt);
    return { task, placement, template, passages, passagesMax, maxAnswerTokens };
  };

  const kinds: readonly Partial<LearnedPrompt["about"]>[] = [
    { placement: "between", training: read(1, 1) },
    { placement: "prefix", template: `${FRAME}{virtual tokens}${PASSAGES}Question: {question}` },
    { template: FRAME + OWN.replace("{passages}", PASSAGES), training: read(2, 5) },
    {
      task: "input",
      template: "user: {virtual tokens}{input}",
      training: { ...read(0, 0), maxAnswerTokens: 200 },
    },
    { task: "input", template: "user: Text: {input}\n{virtual tokens}Mood:", training: read(0, 0) },
  ];
  for (const kind of kinds) {
    const { template = "", task = "question" } = kind;
    test(`an adapter for a ${task} keeps template, place and passages: ${template}`, async () => {
      const prompt = promptOf(kind);
      const back = await importPrompt(await exported(prompt, "peft"), options());
      assert.deepEqual(askedOf(back), askedOf(prompt));
      await savePrompt(tiny.storeFolder, back);
      const again = await importPrompt(join(tiny.storeFolder, "prompts/back"), options());
      assert.deepEqual(askedOf(again), askedOf(prompt), "from a store's own folder too");
    });
  }

  test("a file of rows alone is asked with one passage, unless told otherwise", async () => {
    for (const format of ["spring", "vllm"] as const) {
      const path = await exported(promptOf({ training: read(3, 3) }), format);
      const plain = await importPrompt(path, options());
      assert.equal(plain.about.training.passagesMax, 1);
      const told = await importPrompt(path, options({ passages: 3, template: OWN }));
      const { passagesMax, template, placement } = askedOf(told);
      assert.deepEqual([passagesMax, template, placement], [3, OWN, "between"]);
      const input = await importPrompt(path, options({ template: "{virtual tokens}{input}" }));
      assert.deepEqual([input.about.task, input.about.training.passagesMax], ["input", 0]);
    }
  });

  test("what the user says wins over what lies beside an adapter", async () => {
    const path = await exported(promptOf({ training: read(3, 3) }), "peft");
    const moved = await importPrompt(path, options({ placement: "prefix", passages: 2 }));
    assert.deepEqual(askedOf(moved), {
      task: "question",
      placement: "prefix",
      template: "{virtual tokens}{passages}Question: {question}",
      passages: 2,
      passagesMax: 2,
      maxAnswerTokens: undefined,
    });
    const own = await importPrompt(path, options({ template: OWN }));
    assert.equal(templateOf(own), OWN);
    assert.equal(own.about.training.passagesMax, 3);
  });

  test("options that contradict each other are refused", async () => {
    const path = await exported(promptOf({}), "spring");
    const wrong: readonly (readonly [Partial<ImportOptions>, RegExp])[] = [
      [{ passages: 0 }, /passages/],
      [{ passages: 41 }, /passages/],
      [{ passages: 1.5 }, /passages/],
      [{ template: "{question}" }, /\{passages\} 0 times/],
      [{ template: OWN, placement: "prefix" }, /leave the placement out/],
      [{ template: "{virtual tokens}{input}", passages: 1 }, /stand alone/],
    ];
    for (const [more, message] of wrong) {
      await assert.rejects(importPrompt(path, options(more)), { code: "config/invalid", message });
    }
  });

  const beside = { format: "foreword-prompt", version: 1, placement: "between" };
  const template = `${FRAME}${PASSAGES}{virtual tokens}Question: {question}`;
  const damaged: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ["no JSON", "{", /foreword\.json/],
    ["another version", JSON.stringify({ ...beside, version: 2 }), /version/],
    ["no template", JSON.stringify({ ...beside, training: read(1, 1) }), /template/],
    ["a template without marks", askedJson({ template: "user: {input}" }), /virtual tokens/],
    ["more passages than are read", askedJson({ training: read(1, 1e9) }), /passagesMax/],
    ["no passages for a question", askedJson({ training: read(0, 0) }), /do not belong together/],
    ["another task than its template's", askedJson({ task: "input" }), /do not belong together/],
  ];
  function askedJson(change: object): string {
    return JSON.stringify({ ...beside, template, training: read(1, 1), ...change });
  }
  for (const [what, text, message] of damaged) {
    test(`a foreword.json with ${what} is refused`, async () => {
      const folder = await exported(promptOf({}), "peft");
      await writeFile(join(folder, "foreword.json"), text);
      const refused = { code: "prompt/invalid", message };
      await assert.rejects(importPrompt(folder, options()), refused);
    });
  }

  test("a foreword.json too large is refused before it is read", async () => {
    const folder = await exported(promptOf({}), "peft");
    await writeFile(join(folder, "foreword.json"), Buffer.alloc(2 ** 24 + 1, " "));
    await assert.rejects(importPrompt(folder, options()), { code: "file/too-large" });
  });

  test("prefix-tuning's rows stay in front, whatever is said of them", async () => {
    const golden = join(import.meta.dirname, "../fixtures/golden/models/llama-tied/prefix-tuning");
    const folder = join(tiny.folder, "prefix");
    await mkdir(folder);
    for (const name of ["adapter_config.json", "adapter_model.safetensors"]) {
      await copyFile(join(golden, name), join(folder, name));
    }
    await writeFile(join(folder, "foreword.json"), askedJson({}));
    const prompt = await importPrompt(folder, options());
    assert.equal(prompt.about.placement, "prefix");
    const template = "{passages}Q: {question}";
    const own = await importPrompt(folder, options({ template }));
    assert.equal(own.about.placement, "prefix");
    await savePrompt(tiny.storeFolder, own);
  });

  test("the API that reads like PEFT saves what PEFT saves: it does not know how the prompt is asked", async () => {
    const model = await getPeftModel(tiny.generator, new PromptTuningConfig());
    const folder = join(tiny.folder, "peft");
    await model.savePretrained(folder);
    await model.close();
    await assert.rejects(readFile(join(folder, "foreword.json")), { code: "ENOENT" });
  });
});
