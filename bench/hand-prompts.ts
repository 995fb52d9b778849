import { homedir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { writeFileAtomic } from "../core/index.ts";
import { handArm, plainRag } from "../pipeline/evaluation/arms.ts";
import { evaluate } from "../pipeline/evaluation/evaluate.ts";
import { HAND_PROMPTS } from "../pipeline/evaluation/hand-prompts.ts";
import { evaluationTable } from "../pipeline/evaluation/table.ts";
import { readSettings } from "../pipeline/settings.ts";
import { Terminal } from "../pipeline/terminal.ts";
import { Workspace } from "../pipeline/workspace.ts";
import { readQaFile } from "../ptuning/index.ts";
import { defaultCacheFolder } from "../runtime/index.ts";

/**
 * Which hand-written prompt is best, chosen on training questions so that the comparison on held-out ones is fair to it.
 * `tsx bench/hand-prompts.ts --store DIR --qa qa-train.jsonl --limit 60`
 */
const { values } = parseArgs({
  options: {
    store: { type: "string" },
    qa: { type: "string" },
    limit: { type: "string", default: "60" },
  },
});
const settings = readSettings({
  flags: { store: values.store },
  environment: process.env,
  configPath: "foreword.config.json",
  isConfigRequired: false,
  defaultCache: defaultCacheFolder(process.env, process.platform, homedir()),
});
const { signal } = new AbortController();
const terminal = new Terminal({
  stdout: process.stdout,
  stderr: process.stderr,
  json: false,
  quiet: false,
  color: false,
});
const workspace = new Workspace({ settings, terminal, signal });
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
  terminal.line(evaluationTable({ ...result, questions: [] }));
  const file = join(import.meta.dirname, "results", "hand-prompts.json");
  const content = { qa: basename(values.qa!), prompts: HAND_PROMPTS, ...result };
  await writeFileAtomic(file, `${JSON.stringify(content, null, 2)}\n`);
} finally {
  await workspace.close();
}
