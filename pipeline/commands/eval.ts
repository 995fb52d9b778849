import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Command } from "commander";
import { prepareFolderOf, RagError, writeFileAtomic } from "../../core/index.ts";
import {
  isQuestion,
  type LearnedPrompt,
  type QaPair,
  readQaFile,
  skippedLine,
  type Task,
  taskOfPairs,
} from "../../ptuning/index.ts";
import { DEFAULT_PASSAGES } from "../answer.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { answerablePairs } from "../evaluation/answerable-pairs.ts";
import {
  type Arm,
  handArm,
  learnedArm,
  parseArmNames,
  plainRag,
  withoutRetrieval,
} from "../evaluation/arms.ts";
import { type Evaluation, evaluate } from "../evaluation/evaluate.ts";
import { BEST_HAND_PROMPT } from "../evaluation/hand-prompts.ts";
import { differentPassages, mostPassages } from "../evaluation/prompt-passages.ts";
import { requireTask } from "../evaluation/prompt-task.ts";
import { htmlReport } from "../evaluation/report.ts";
import { retrievalMetrics } from "../evaluation/retrieval-metrics.ts";
import { rankedDocuments, readRetrievalSet } from "../evaluation/retrieval-set.ts";
import { evaluationTable, retrievalLine } from "../evaluation/table.ts";
import { wholeNumber } from "../flag-numbers.ts";
import { passagesFor, requireDocumentsFor } from "../pair-passages.ts";
import { withRerankFlags } from "../rerank-flags.ts";
import type { Workspace } from "../workspace.ts";

/** Retrieval is measured this deep. */
const RANKS = 10;
/** Several passages may be of one document: these hold ten documents and more. */
const RANKED_PASSAGES = 50;
const SEED = 1;

interface EvalFlags {
  readonly arms?: string;
  readonly limit?: number;
  readonly split?: string;
  readonly unanswerable?: boolean;
  readonly report?: string;
  readonly hand?: string;
  readonly answers?: boolean;
  /** As text: these are settings too. */
  readonly k?: string;
  readonly tokens?: string;
}

/** Flags about answers, which are not asked for where retrieval alone is measured. */
const OF_ANSWERS = ["arms", "unanswerable", "tokens", "k", "hand", "answers", "report"] as const;

/** `foreword eval`: compares ways to answer on the same questions. */
export function evalCommand(host: CommandHost): Command {
  const command = new Command("eval")
    .description("score answers without retrieval, plain RAG, a hand-written and learned prompts")
    .argument(
      "<qa>",
      "JSONL {id, question, answers, passageId?} or {input, output}, SQuAD JSON or FlashRAG JSONL; or a BEIR folder (queries, qrels) for retrieval alone",
    )
    .option(
      "--arms <names>",
      "no-retrieval, rag, hand, and names of learned prompts (default: rag,hand and the newest learned prompt for such pairs)",
    )
    .option("--limit <count>", "the first questions only", wholeNumber("limit"))
    .option(
      "--unanswerable",
      "with the questions of SQuAD 2.0 that have no answer: an empty one is right",
    )
    .option("--split <name>", "of a BEIR folder (default: test, or the only one)")
    .option("--tokens <count>", "the learned prompts' first virtual tokens only")
    .option(
      "--k <count>",
      "passages for every arm (default: as many as a prompt was trained with at most, or 3)",
    )
    .option(
      "--hand <text>",
      `the hand-written prompt (default: ${JSON.stringify(BEST_HAND_PROMPT)})`,
    )
    .option("--answers", "with --json: every arm's answer to every question")
    .option("--report <file>", "write a self-contained HTML page")
    .action((path: string, flags) =>
      host.run(command, { k: flags.k, tokens: flags.tokens }, async (context) =>
        (await isFolder(path))
          ? evaluateRetrieval(context, path, flags)
          : evaluateFile(context, path, flags),
      ),
    );
  return withExample(
    withRerankFlags(command),
    "foreword eval questions.jsonl --arms no-retrieval,rag,hand,handbook --report report.html",
  );
}

/** Of a retrieval set: no arms, for there are no answers. */
async function evaluateRetrieval(
  { terminal, workspace, signal }: CommandContext,
  folder: string,
  flags: EvalFlags,
): Promise<void> {
  const idle = OF_ANSWERS.find((name) => flags[name] !== undefined);
  if (idle !== undefined) {
    throw new RagError(
      "config/invalid",
      `--${idle}: a folder of queries and qrels is asked for no answers; leave it out, or name a question-answer file.`,
    );
  }
  const { split, queries: all } = await readRetrievalSet(folder, flags.split, signal);
  const queries = all.slice(0, limitOf(flags) ?? all.length);
  await workspace.requireDocuments();
  const texts = queries.map(({ text }) => text);
  const found = await workspace.retrieveMany(texts, RANKED_PASSAGES, signal);
  const ranked = queries.map((query, index) => rankedDocuments(query, found[index]!));
  const retrieval = retrievalMetrics(ranked);
  terminal.result(
    { n: queries.length, split, arms: {}, retrieval },
    () => `${queries.length} queries (${split})\nretrieval: ${retrievalLine({ retrieval })}`,
  );
}

function limitOf({ limit }: EvalFlags): number | undefined {
  if (limit === undefined || limit >= 1) return limit;
  throw new RagError("config/invalid", `--limit: expected at least 1, found ${limit}; correct it.`);
}

async function evaluateFile(
  context: CommandContext,
  path: string,
  flags: EvalFlags,
): Promise<void> {
  const { settings, terminal, workspace, signal } = context;
  if (flags.split !== undefined) {
    throw new RagError(
      "config/invalid",
      `--split: ${basename(path)} is no folder of queries and qrels; leave it out, or name one.`,
    );
  }
  if (flags.report !== undefined) await prepareFolderOf(flags.report);
  const wanted = await readPairs(context, path, flags);
  await requireDocumentsFor(wanted, workspace);
  const { arms, prompts } = await openArms(workspace, flags, {
    pairs: wanted,
    source: basename(path),
  });
  const generator = await workspace.generator();
  const { fitting: pairs, skipped } = answerablePairs(wanted, arms, generator);
  if (skipped) terminal.warn(`${basename(path)}: ${skippedLine(skipped)}`);
  const different = settings.k === undefined ? differentPassages(prompts) : undefined;
  if (different !== undefined) terminal.warn(different);
  const k = settings.k ?? mostPassages(prompts) ?? DEFAULT_PASSAGES;
  const asked = pairs.filter(isQuestion).length;
  if (asked > 0) terminal.note(`Retrieving passages for ${asked} questions…`);
  const found = await passagesFor(pairs, Math.max(k, RANKS), workspace, signal);
  const progress = terminal.progress("questions");
  const onQuestion = (done: number) => progress.update(done, pairs.length);
  let result: Evaluation;
  try {
    result = await evaluate({ generator, arms, pairs, found, k, seed: SEED, onQuestion, signal });
  } finally {
    progress.end();
  }
  const { questions: answered, ...scores } = result;
  terminal.result(flags.answers ? { ...scores, questions: answered } : scores, () =>
    evaluationTable(result),
  );
  // The scores are told by now, should the report not be written.
  if (flags.report !== undefined) {
    await writeFileAtomic(flags.report, htmlReport(result, basename(path)));
    terminal.note(`Report written to ${flags.report}.`);
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isDirectory(),
    () => false, // reading it says what is wrong
  );

async function readPairs(
  { terminal, signal }: CommandContext,
  path: string,
  flags: EvalFlags,
): Promise<readonly QaPair[]> {
  const { pairs, skipped, unanswerable } = await readQaFile(path, signal);
  for (const { where, problem } of skipped) {
    terminal.warn(`${basename(path)}: ${where} is skipped: ${problem}.`);
  }
  if (flags.unanswerable) {
    const all = pairs.length + unanswerable.length;
    const wanted = Math.min(limitOf(flags) ?? all, all);
    // The first of both, as many of each as their shares of the file are.
    const answerable = Math.round((wanted * pairs.length) / all);
    return [...pairs.slice(0, answerable), ...unanswerable.slice(0, wanted - answerable)];
  }
  if (unanswerable.length > 0) {
    terminal.note(
      `${basename(path)}: ${unanswerable.length} questions without an answer are left out; --unanswerable scores them too.`,
    );
  }
  return pairs.slice(0, limitOf(flags));
}

/**
 * The arms by name, and the learned prompts among them.
 * @throws RagError config/invalid for a prompt that was trained for another kind of pairs
 */
async function openArms(
  workspace: Workspace,
  flags: EvalFlags,
  { pairs, source }: { readonly pairs: readonly QaPair[]; readonly source: string },
): Promise<{ arms: readonly Arm[]; prompts: readonly LearnedPrompt[] }> {
  const names =
    flags.arms === undefined
      ? await defaultNames(workspace, taskOfPairs(pairs))
      : parseArmNames(flags.arms);
  const arms: Arm[] = [];
  const prompts: LearnedPrompt[] = [];
  for (const name of names) {
    if (name === "no-retrieval") arms.push(withoutRetrieval);
    else if (name === "rag") arms.push(plainRag);
    else if (name === "hand") arms.push(handArm(flags.hand ?? BEST_HAND_PROMPT));
    else {
      const prompt = (await workspace.choosePrompt(name))!;
      requireTask(prompt, pairs, source);
      arms.push(learnedArm(prompt));
      prompts.push(prompt);
    }
  }
  return { arms, prompts };
}

async function defaultNames(workspace: Workspace, task: Task): Promise<readonly string[]> {
  const newest = await workspace.choosePrompt(undefined, task);
  return ["rag", "hand", ...(newest ? [newest.about.name] : [])];
}
