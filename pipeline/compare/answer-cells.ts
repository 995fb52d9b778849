import { isAdaptation } from "../../generator/index.ts";
import { ANSWERS_AT_ONCE, isQuestion, type QaPair } from "../../ptuning/index.ts";
import { answerGroup, type GroupAnswers, inTurn } from "../evaluation/answer-group.ts";
import { type Arm, withLikeLengths } from "../evaluation/arms.ts";
import type { AnsweredResult } from "./cell-store.ts";
import { cellName, type EvaluationCell } from "./cells.ts";
import type { CompareEvent } from "./compare-events.ts";
import { comparedArm } from "./compared-arm.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import type { TrainedPromptOf } from "./train-cell.ts";

/** A cell whose questions are being answered. */
interface OpenCell {
  readonly cell: EvaluationCell;
  readonly name: string;
  readonly arm: Arm;
  answered: AnsweredResult;
}

/** A cell with its answers to all questions. */
export type AnsweredCell = Readonly<Pick<OpenCell, "cell" | "answered">>;

/**
 * The answers of cells of one dataset that read the same number of passages, in their order and without those that failed. `inputs`: what a
 * result depends on beside the cell.
 */
export async function* answerCells(
  cells: readonly EvaluationCell[],
  given: {
    readonly inputs: readonly string[];
    readonly trainedOf: (cell: EvaluationCell) => TrainedPromptOf | undefined;
  },
  parts: ComparisonParts,
): AsyncGenerator<CompareEvent, readonly AnsweredCell[]> {
  const { pairs, train } = await parts.data.dataset(cells[0]!.dataset);
  const hasInputs = !pairs.every(isQuestion);
  const arms = new Map<EvaluationCell, Arm>();
  for (const cell of cells) {
    try {
      arms.set(cell, await comparedArm(cell, train.pairs, given.trainedOf(cell)));
    } catch (thrown) {
      yield failed(cell, thrown, parts);
    }
  }
  const open: OpenCell[] = [];
  const withArms = [...arms.keys()];
  for (const [index, arm] of withLikeLengths([...arms.values()]).entries()) {
    const cell = withArms[index]!;
    // Which names its training, settings and passages included.
    const prompt = given.trainedOf(cell)?.prompt ?? "";
    const length = hasInputs ? [`${arm.inputAnswerTokens} tokens`] : [];
    const name = cellName("eval", cell, [...given.inputs, prompt, ...length]);
    const known = await parts.store.loadAnswered(name);
    open.push({
      cell,
      name,
      arm: { ...arm, name },
      answered: known ?? { seconds: 0, answers: [] },
    });
  }
  const isDone = ({ answered }: OpenCell) => answered.answers.length === pairs.length;
  for (const one of open.filter(isDone)) yield finished(one, true, parts);
  const left = open.filter((one) => !isDone(one));
  const adapted = left.filter(({ arm }) => isAdaptation(arm.conditioning));
  const others = left.filter((one) => !adapted.includes(one));
  // Each model with weights of its own is half a gigabyte and more: one after the other.
  for (const together of [others, ...adapted.map((one) => [one])]) {
    if (together.length > 0) yield* answerTogether(together, cells[0]!, { ...parts, pairs });
  }
  return open.filter(isDone);
}

/** A few questions after the other, saved as it goes. An arm that fails is asked no more. */
async function* answerTogether(
  cells: readonly OpenCell[],
  { dataset, passages }: EvaluationCell,
  parts: ComparisonParts & { readonly pairs: readonly QaPair[] },
): AsyncGenerator<CompareEvent, void> {
  const { data, model, pairs, store, signal } = parts;
  const usesPassages = cells.some(({ arm }) => arm.usesPassages);
  const found = usesPassages ? await data.testPassages(dataset, passages) : [];
  const generator = await model.open();
  const asked = new Set(cells);
  for (let first = 0; first < pairs.length; first += ANSWERS_AT_ONCE) {
    const behind = [...asked].filter(({ answered }) => answered.answers.length <= first);
    for (const one of inTurn(behind, first)) {
      try {
        const given = { generator, pairs, found, k: passages, first, signal };
        one.answered = withGroup(one.answered, await answerGroup(one.arm, given), pairs);
      } catch (thrown) {
        asked.delete(one);
        yield failed(one.cell, thrown, parts);
        continue;
      }
      await store.save(one.name, one.answered);
    }
    const done = Math.min(first + ANSWERS_AT_ONCE, pairs.length);
    yield { event: "answered", dataset: dataset.name, done, questions: pairs.length };
  }
  for (const one of asked) yield finished(one, false, parts);
}

const withGroup = (
  known: AnsweredResult,
  { answers, seconds }: GroupAnswers,
  pairs: readonly QaPair[],
): AnsweredResult => ({
  seconds: known.seconds + seconds,
  answers: [
    ...known.answers,
    ...answers.map((answer, index) => ({
      id: pairs[known.answers.length + index]!.id,
      ...answer,
    })),
  ],
});

const failed = (cell: EvaluationCell, thrown: unknown, parts: ComparisonParts): CompareEvent => ({
  event: "failed",
  ...parts.failures.note(cell, thrown),
  ...parts.count(),
});

const finished = (
  { name, answered }: OpenCell,
  known: boolean,
  { count }: ComparisonParts,
): CompareEvent => ({ event: "cell", cell: name, ...count(), known, ...meanOf(answered) });

function meanOf({ answers }: AnsweredResult): { em: number; f1: number } {
  const mean = (pick: (one: AnsweredResult["answers"][number]) => number) =>
    answers.reduce((sum, one) => sum + pick(one), 0) / Math.max(1, answers.length);
  return { em: mean(({ em }) => em), f1: mean(({ f1 }) => f1) };
}
