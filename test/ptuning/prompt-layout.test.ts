import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ChatTurn, layOutPrompt } from "../../ptuning/index.ts";
import { roomCheck, tokensBeyondRoom } from "../../ptuning/prompt-layout.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";

describe("a prompt within its room", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const question = "When?";
  const passages = ["aaaa", "bbbb", "cccc"].map((text) => ({ title: "", text: text.repeat(20) }));
  /** "u0 …", "v0 …", "u1 …", "v1 …" */
  const talk = (pairs: number): ChatTurn[] =>
    Array.from({ length: pairs }, (_, index) => [
      { role: "user" as const, text: `u${index} ${"x".repeat(40)}` },
      { role: "assistant" as const, text: `v${index} ${"y".repeat(40)}` },
    ]).flat();

  /** The text that was laid out in so many tokens, and its passages. */
  const layOut = (parts: Partial<Parameters<typeof layOutPrompt>[1]>) => {
    const { model } = tiny.generator;
    const laidOut = layOutPrompt(model, { question, passages, maxTokens: 1e6, ...parts });
    const ids = [...laidOut.prefixIds, ...laidOut.ids];
    const text = model.tokenizer.decode(ids);
    const turns = [...text.matchAll(/\b[uv]\d+(?= [xy])/g)].map(([turn]) => turn);
    return { ...laidOut, length: ids.length, turns };
  };

  test("all of it stands in it where there is room", () => {
    const { turns, usedPassages } = layOut({ history: talk(2) });
    assert.deepEqual(turns, ["u0", "v0", "u1", "v1"]);
    assert.equal(usedPassages, 3);
  });

  test("the oldest turns go first, each question with its answer, and no passage with them", () => {
    const history = talk(300);
    for (const pairs of [0, 1, 2, 7]) {
      const kept = history.slice(history.length - 2 * pairs);
      const { length } = layOut({ history: kept });
      for (const maxTokens of [length, length + 40]) {
        const { turns, usedPassages, takesPrompt } = layOut({ history, maxTokens });
        assert.deepEqual(
          turns,
          kept.map(({ text }) => text.split(" ")[0]),
        );
        assert.equal(usedPassages, 3);
        assert.ok(takesPrompt);
      }
    }
  });

  test("short questions are told to fit by their bytes, and none otherwise than by its tokens", () => {
    const { model } = tiny.generator;
    const frame = { maxTokens: 300 };
    const beyondRoom = roomCheck(model, frame);
    const seen = { fit: 0, beyond: 0 };
    for (const character of ["x", "é", "漢", "𝄞", " a", "ﬁ"]) {
      for (let length = 1; length < 640; length += 13) {
        const question = character.repeat(length);
        for (const task of ["question", "input"] as const) {
          const told = beyondRoom({ question, task });
          assert.deepEqual(told, tokensBeyondRoom(model, { ...frame, question, task }));
          seen[told ? "beyond" : "fit"]++;
        }
      }
    }
    assert.ok(Math.min(seen.fit, seen.beyond) > 50, JSON.stringify(seen));
  });

  test("a turn that begins with the model's words goes with them", () => {
    const [, answer, ...rest] = talk(2);
    const { length } = layOut({ history: rest });
    const { turns } = layOut({ history: [answer!, ...rest], maxTokens: length });
    assert.deepEqual(turns, ["u1", "v1"]);
  });

  test("passages go when no turn is left, the least relevant first; then there is no more to drop", () => {
    for (const used of [3, 2, 1, 0]) {
      const { length: maxTokens } = layOut({ passages: passages.slice(0, used) });
      for (const history of [[], talk(5)]) {
        const { turns, usedPassages } = layOut({ history, maxTokens });
        assert.deepEqual([turns, usedPassages], [[], used]);
      }
    }
    const { length } = layOut({ passages: [] });
    assert.throws(() => layOut({ history: talk(5), maxTokens: length - 1 }), {
      code: "context/overflow",
      message: new RegExp(`needs ${length} tokens with its frame`),
    });
  });
});
