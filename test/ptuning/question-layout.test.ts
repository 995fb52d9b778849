import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { layOutPrompt, layOutQuestion } from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";

describe("a question behind one passage", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const passage = { title: "Harbour", text: "The lamp is lit at dusk." };
  const question = "When is it lit?";

  test("shares its frame and passage with the answer's prompt, and its question's tokens", () => {
    const { model } = tiny.generator;
    const { prefixIds, questionIds } = layOutQuestion(model, { question, passage, maxTokens: 999 });
    const answer = layOutPrompt(model, { question, passages: [passage], maxTokens: 999 });
    assert.deepEqual(prefixIds, answer.prefixIds);
    assert.deepEqual(questionIds, answer.ids.slice(0, questionIds.length));
    assert.equal(model.tokenizer.decode(questionIds), `Question: ${question}`);
  });

  test("is cut to its room: the passage's end first, and never all of the question", () => {
    const { model } = tiny.generator;
    const long = { title: "", text: "lamp ".repeat(5000) };
    for (const maxTokens of [64, 200, 10_000]) {
      for (const asked of [question, question.repeat(1000)]) {
        const parts = { question: asked, passage: long, maxTokens };
        const { prefixIds, questionIds } = layOutQuestion(model, parts);
        assert.ok(prefixIds.length + questionIds.length <= maxTokens);
        assert.ok(questionIds.length >= 2 && prefixIds.length >= 2);
      }
    }
  });
});
