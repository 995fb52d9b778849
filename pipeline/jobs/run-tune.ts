import { join } from "node:path";
import { Random } from "../../core/index.ts";
import {
  parseTuneSettings,
  type QaFile,
  type QaPair,
  readQaFile,
  type TuneSettings,
  tunePrompt,
  UNRESUMABLE,
  withoutTooLong,
} from "../../ptuning/index.ts";
import { learnedArm, plainRag } from "../evaluation/arms.ts";
import { type Evaluation, evaluate } from "../evaluation/evaluate.ts";
import { passagesFor, requireDocumentsFor } from "../pair-passages.ts";
import { uploadsFolder } from "../uploads.ts";
import type { JobRun, TuneRequest } from "./job-record.ts";

/** With fewer pairs than this nothing is kept out of training for a test. */
const MIN_PAIRS_FOR_TEST = 10;
const MAX_TEST_SHARE = 0.2;
const RANKS = 10;

export interface TuneResult {
  readonly prompt: string;
  /** The same questions, which training never saw, answered without and with the prompt; null with too few pairs. */
  readonly comparison: Evaluation | null;
}

/** Trains a learned prompt on an uploaded question file, then compares it with plain RAG on questions kept out. */
export async function runTune(
  request: TuneRequest,
  isResumed: boolean,
  run: JobRun,
): Promise<TuneResult> {
  const { settings, workspace, signal, tell } = run;
  tell({ event: "loading" });
  const path = join(uploadsFolder(settings.store, "questions"), request.questions);
  const tuning = parseTuneSettings(request.settings, "settings");
  const all = await readQaFile(path, signal);
  await requireDocumentsFor(all.pairs, workspace);
  const generator = await workspace.generator();
  // Before some are kept out: those have to be answered, too.
  const { qa, skipped } = withoutTooLong(tuning, generator, all);
  if (skipped) tell({ event: "skipped", ...skipped });
  const { train, test } = keepSomeOut(qa, request, tuning.seed);
  const events = tunePrompt(
    { ...tuning, resume: isResumed },
    {
      qa: train,
      generator,
      retrieve: (questions, count, stop) => workspace.retrieveMany(questions, count, stop),
      storeFolder: settings.store,
      // It was asked for without a word about what there was.
      anewAt: UNRESUMABLE,
      signal,
    },
  );
  for await (const event of events) tell(event);
  const comparison = test.length > 0 ? await compare(test, tuning, run) : null;
  return { prompt: tuning.name, comparison };
}

function keepSomeOut(
  qa: QaFile,
  { testQuestions }: TuneRequest,
  seed: number,
): { readonly train: QaFile; readonly test: readonly QaPair[] } {
  const { pairs } = qa;
  if (pairs.length < MIN_PAIRS_FOR_TEST) return { train: qa, test: [] };
  const count = Math.min(testQuestions, Math.floor(pairs.length * MAX_TEST_SHARE));
  const shuffled = new Random(seed).shuffle(pairs);
  return { train: { ...qa, pairs: shuffled.slice(count) }, test: shuffled.slice(0, count) };
}

async function compare(
  pairs: readonly QaPair[],
  { name, passages, seed }: TuneSettings,
  { workspace, signal, tell }: JobRun,
): Promise<Evaluation> {
  const prompt = (await workspace.choosePrompt(name))!;
  return evaluate({
    generator: await workspace.generator(),
    arms: [plainRag, learnedArm(prompt)],
    pairs,
    found: await passagesFor(pairs, Math.max(passages, RANKS), workspace, signal),
    k: passages,
    seed,
    onQuestion: (done) => tell({ event: "compared", done, total: pairs.length }),
    signal,
  });
}
