import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MARK } from "../../generator/index.ts";
import { parseTuneSettings } from "../../ptuning/index.ts";
import {
  BETWEEN_TEMPLATE,
  checkTemplate,
  fillTemplate,
  INPUT_TEMPLATE,
  PREFIX_TEMPLATE,
  placementIn,
  readTemplate,
  writeTemplate,
} from "../../ptuning/prompt-template.ts";

describe("the template of a prompt", () => {
  test("marks are filled in; text beside them joins what is filled in", () => {
    const values = { passages: "P\n\n", question: "why {passages}?" };
    assert.deepEqual(fillTemplate(BETWEEN_TEMPLATE, values), [
      "P\n\n",
      MARK,
      "Question: why {passages}?",
    ]);
    assert.deepEqual(fillTemplate("{passages}Q: {question}\n{virtual tokens}A:", values), [
      "P\n\n",
      "Q: why {passages}?\n",
      MARK,
      "A:",
    ]);
    assert.deepEqual(fillTemplate(INPUT_TEMPLATE, { input: "good" }, "Judge.\n\n"), [
      MARK,
      "Judge.\n\n",
      "good",
    ]);
  });

  test("a record holds the whole frame, and gives the template back", () => {
    assert.equal(
      writeTemplate(BETWEEN_TEMPLATE),
      "system: {system}\nuser: [{n}] {title}\\n{passage}… {virtual tokens}Question: {question}",
    );
    const own = "{passages}{question}\n{virtual tokens}";
    for (const template of [BETWEEN_TEMPLATE, PREFIX_TEMPLATE, INPUT_TEMPLATE, own]) {
      assert.equal(readTemplate(writeTemplate(template), "test"), template);
    }
    assert.throws(() => readTemplate("something else", "test"), { code: "config/invalid" });
  });

  test("it says where the virtual tokens stand", () => {
    assert.equal(placementIn(BETWEEN_TEMPLATE), "between");
    assert.equal(placementIn(PREFIX_TEMPLATE), "prefix");
    const { template, placement } = parseTuneSettings(
      { template: "{passages}{question}{virtual tokens}" },
      "test",
    );
    assert.deepEqual([template, placement], ["{passages}{question}{virtual tokens}", "between"]);
    assert.equal(parseTuneSettings({ placement: "prefix" }, "test").template, PREFIX_TEMPLATE);
  });

  test("what has no place in the text needs no mark", () => {
    const template = "{passages}{question}";
    assert.equal(
      parseTuneSettings({ method: "lora", template }, "test").template,
      "{virtual tokens}{passages}{question}",
    );
    assert.throws(() => parseTuneSettings({ template }, "test"), /\{virtual tokens\} 0 times/);
  });

  const refused: readonly (readonly [template: string, message: RegExp])[] = [
    ["{passages}{virtual tokens}", /\{question\} 0 times/],
    ["{passages}{passages}{virtual tokens}{question}", /\{passages\} 2 times/],
    ["{passages}{virtual tokens}{question}{answer}", /\{answer\} has no meaning/],
    ["{passages}{virtual tokens}{input}", /\{passages\} has no meaning/],
    ["x".repeat(4001), /4001 characters, more than 4000/],
  ];
  for (const [template, message] of refused) {
    test(`"${template.slice(0, 50)}" is refused`, () => {
      assert.throws(() => checkTemplate(template, "test"), { code: "config/invalid", message });
    });
  }

  test("a template and a placement exclude each other", () => {
    assert.throws(
      () => parseTuneSettings({ template: PREFIX_TEMPLATE, placement: "between" }, "test"),
      { code: "config/invalid", message: /leave the placement out/ },
    );
  });
});
