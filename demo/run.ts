import { spawn } from "node:child_process";
import { join, relative } from "node:path";
import { evaluationTable } from "../pipeline/evaluation/table.ts";
import { type DemoEvaluation, sideBySide, verdict } from "./report.ts";

/**
 * The main job on the demo corpus, through the same commands a user types: documents become an index, question-answer pairs a
 * learned prompt, and the same frozen model answers unseen questions without and with it.
 */
const ROOT = join(import.meta.dirname, "..");
const STORE = "demo/.foreword";
/** Sizes that keep the whole under ten minutes on two cores. */
const TRAINING = ["--limit", "260", "--epochs", "3"];
const TEST_QUESTIONS = 120;

const started = performance.now();
const interruption = new AbortController();
process.once("SIGINT", () => interruption.abort());

say("1. Documents become an index.");
await foreword(["ingest", "demo/documents"]);
say("2. Question-answer pairs become a learned prompt; the model itself stays as it is.");
await foreword(["tune", "demo/qa-train.jsonl", "--name", "demo", ...TRAINING]);
say(`3. ${TEST_QUESTIONS} unseen questions, about documents without any training question.`);
const output = await foreword(
  ["eval", "demo/qa-test.jsonl", "--arms", "rag,hand,demo", "--limit", String(TEST_QUESTIONS)],
  ["--json", "--answers"],
);
const result: DemoEvaluation = JSON.parse(output);
print(evaluationTable(result));
print(`\n${verdict(result)}\n\n${sideBySide(result)}`);
say(`Done in ${Math.round((performance.now() - started) / 1000)} s. Try next:`);
print(`  npx foreword ask "Who designed Cobb Lighthouse?" --store ${STORE}
  npx foreword ask "Who designed Cobb Lighthouse?" --store ${STORE} --prompt none
  npx foreword search "lighthouse keepers" --store ${STORE}
  npx foreword serve --store ${STORE}
and with your own: ingest a folder, tune on a file of {"id", "question", "answers"} lines.`);

/** Runs a command as a user would, showing it; its result is printed, or returned when `quietFlags` make it machine-readable. */
async function foreword(
  commandArguments: readonly string[],
  quietFlags: readonly string[] = [],
): Promise<string> {
  print(`$ foreword ${commandArguments.join(" ")} --store ${STORE}`);
  const child = spawn(
    process.execPath,
    [
      "--import",
      import.meta.resolve("tsx"),
      relative(ROOT, join(ROOT, "pipeline", "main.ts")),
      ...commandArguments,
      "--store",
      STORE,
      ...quietFlags,
    ],
    { cwd: ROOT, stdio: ["ignore", quietFlags.length > 0 ? "pipe" : "inherit", "inherit"] },
  );
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  // The command has said why; a Ctrl-C reached it as well.
  if (code !== 0 || interruption.signal.aborted) process.exit(code ?? 130);
  return output;
}

function say(text: string): void {
  print(`\n${text}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
