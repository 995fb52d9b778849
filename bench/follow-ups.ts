import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Message } from "../pipeline/answerer.ts";
import { searchQuery } from "../pipeline/search-query.ts";
import { readQaFile } from "../ptuning/index.ts";
import { saveResult } from "./save-result.ts";
import { storeWorkspace } from "./store-workspace.ts";

/**
 * What rewriting follow-up questions does to retrieval: follow-ups written for the demo documents, searched for as they are and
 * rewritten; and questions that stand on their own, asked after another topic, which must not change.
 * `tsx bench/follow-ups.ts --store demo/.foreword [--save]`
 */
const PASSAGES = 3;
const { values } = parseArgs({
  options: {
    store: { type: "string", default: "demo/.foreword" },
    save: { type: "boolean", default: false },
  },
});
const workspace = storeWorkspace(values.store);

interface Case {
  readonly messages: readonly Message[];
  readonly answers: readonly string[];
}

const turns = (texts: readonly string[]): Message[] =>
  texts.map((text, index) => ({ role: index % 2 === 0 ? "user" : "assistant", text }));

function followUps(): Case[] {
  const lines = readFileSync(join(import.meta.dirname, "follow-ups.jsonl"), "utf8").trim();
  return lines.split("\n").map((line) => {
    const { turns: texts, answers } = JSON.parse(line) as { turns: string[]; answers: string[] };
    return { messages: turns(texts), answers };
  });
}

/** Every question after one about another document. */
async function complete(): Promise<Case[]> {
  const { pairs } = await readQaFile(join(import.meta.dirname, "..", "demo", "qa-test.jsonl"));
  const half = Math.floor(pairs.length / 2);
  return pairs.map(({ question, answers }, index) => {
    const other = pairs[(index + half) % pairs.length]!;
    return { messages: turns([other.question, other.answers[0]!, question]), answers };
  });
}

async function measure(cases: readonly Case[]) {
  const plain = cases.map(({ messages }) => messages.at(-1)!.text);
  const rewritten = cases.map(({ messages }) => searchQuery(messages));
  const recall = async (queries: readonly string[]) => {
    const found = await workspace.retrieveMany(queries, PASSAGES);
    const hits = cases.filter(({ answers }, index) =>
      answers.some((answer) =>
        found[index]!.some(({ text }) => text.toLowerCase().includes(answer.toLowerCase())),
      ),
    );
    return (100 * hits.length) / cases.length;
  };
  return {
    questions: cases.length,
    rewritten: rewritten.filter(({ isRewritten }) => isRewritten).length,
    recallAsAsked: await recall(plain),
    recallRewritten: await recall(rewritten.map(({ text }) => text)),
  };
}

try {
  const result = {
    passages: PASSAGES,
    followUps: await measure(followUps()),
    complete: await measure(await complete()),
  };
  if (values.save) await saveResult("follow-ups", result);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await workspace.close();
}
