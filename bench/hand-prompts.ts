import { basename } from "node:path";
import { parseArgs } from "node:util";
import { handArm, plainRag } from "../pipeline/evaluation/arms.ts";
import { evaluate } from "../pipeline/evaluation/evaluate.ts";
import { HAND_PROMPTS } from "../pipeline/evaluation/hand-prompts.ts";
import { evaluationTable } from "../pipeline/evaluation/table.ts";
import { readQaFile } from "../ptuning/index.ts";
import { saveResult } from "./save-result.ts";
import { storeWorkspace } from "./store-workspace.ts";

/**
 * Which hand-written prompt is best, chosen on training questions so that the comparison on held-out ones is fair to it.
 * `tsx bench/hand-prompts.ts --store DIR --qa qa-train.jsonl --limit 60 [--save]`
 */
const { values } = parseArgs({
  options: {
    store: { type: "string" },
    qa: { type: "string" },
    limit: { type: "string", default: "60" },
    save: { type: "boolean", default: false },
  },
});
const workspace = storeWorkspace(values.store);
const passages = 3;
try {
  const { pairs } = await readQaFile(values.qa!);
  const chosen = pairs.slice(0, Number(values.limit));
  const found = await workspace.retrieveMany(
    chosen.map(({ question }) => question),
    10,
  );
  const arms = [
    plainRag,
    ...HAND_PROMPTS.map((prompt, index) => ({ ...handArm(prompt), name: `hand-${index + 1}` })),
  ];
  const generator = await workspace.generator();
  const { questions: _, ...result } = await evaluate({
    generator,
    arms,
    pairs: chosen,
    found,
    k: passages,
    seed: 1,
  });
  process.stdout.write(`${evaluationTable({ ...result, questions: [] })}\n`);
  if (values.save) {
    const content = { qa: basename(values.qa!), prompts: HAND_PROMPTS, ...result };
    await saveResult("hand-prompts", content);
  }
} finally {
  await workspace.close();
}
