import assert from "node:assert/strict";
import { test } from "node:test";
import { requireTask } from "../../pipeline/evaluation/prompt-task.ts";
import { choosePrompt } from "../../pipeline/prompt-choice.ts";
import { type QaPair, savePrompt, taskOfPairs } from "../../ptuning/index.ts";
import { describePrompt, tokenPrompt } from "../ptuning/learned-prompts.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";

const question: QaPair = { id: "1", question: "When?", answers: ["at noon"] };
const input: QaPair = { id: "2", question: "A fine film.", answers: ["good"], task: "input" };
const prompts = { question: describePrompt(), input: describePrompt({ task: "input" }) };

test("pairs are inputs only where all of them are, as training takes them", () => {
  assert.equal(taskOfPairs([input, input]), "input");
  assert.equal(taskOfPairs([question, input]), "question");
});

test("a prompt is scored on the kind of pairs that it was trained for, and refused on the other", () => {
  requireTask({ about: prompts.question }, [question, input], "qa.jsonl");
  requireTask({ about: prompts.input }, [input], "qa.jsonl");
  const refused = { code: "config/invalid", message: /"manuals".*qa\.jsonl.*--arms/ };
  assert.throws(() => requireTask({ about: prompts.question }, [input], "qa.jsonl"), refused);
  assert.throws(() => requireTask({ about: prompts.input }, [question], "qa.jsonl"), refused);
  assert.throws(
    () => requireTask({ about: prompts.input }, [question, input], "qa.jsonl"),
    refused,
  );
});

test("without a name, the newest prompt is that of the pairs' kind", async (t) => {
  const store = temporaryFolder(t);
  const template = "user: {virtual tokens}{input}";
  await savePrompt(store, tokenPrompt({ name: "asked", createdAt: "2026-01-01T00:00:00.000Z" }));
  const later = "2026-02-01T00:00:00.000Z";
  await savePrompt(store, tokenPrompt({ name: "read", task: "input", template, createdAt: later }));
  const { name, fingerprint, width } = describePrompt().baseModel;
  const model = { name, fingerprint, config: { width } } as Parameters<typeof choosePrompt>[1];
  assert.equal((await choosePrompt(store, model, undefined))?.about.name, "asked");
  assert.equal((await choosePrompt(store, model, undefined, "input"))?.about.name, "read");
});
