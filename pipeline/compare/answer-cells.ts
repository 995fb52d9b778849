import { isAdaptation } from "../../generator/index.ts";
import { ANSWERS_AT_ONCE, isQuestion, type QaPair } from "../../ptuning/index.ts";
import { answerGroup } from "../evaluation/answer-group.ts";
import { type Arm, withLikeLengths } from "../evaluation/arms.ts";
import type { AnsweredResult } from "./cell-store.ts";
import { cellName, type EvaluationCell } from "./cells.ts";
import type { CompareEvent } from "./compare-events.ts";
import { comparedArm } from "./compared-arm.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import type { TrainedPromptOf } from "./train-cell.ts";

/** A cell whose questions are being answered. */
interface OpenCell {
  readonly name: string;
  readonly arm: Arm;
  answered: AnsweredResult;
}

/**
 * The answers of cells of one dataset that read the same number of passages, in their order. `inputs`: what a result depends on
 * beside the cell.
 */
export async function* answerCells(
  cells: readonly EvaluationCell[],
  given: {
    readonly inputs: readonly string[];
    readonly trainedOf: (cell: EvaluationCell) => TrainedPromptOf | undefined;
  },
  parts: ComparisonParts,
): AsyncGenerator<CompareEvent, readonly AnsweredResult[]> {
  const { pairs, train } = await parts.data.dataset(cells[0]!.dataset);
  const hasInputs = !pairs.every(isQuestion);
  const arms: Arm[] = [];
  for (const cell of cells) arms.push(await comparedArm(cell, train.pairs, given.trainedOf(cell)));
  const open: OpenCell[] = [];
  for (const [index, arm] of withLikeLengths(arms).entries()) {
    const cell = cells[index]!;
    const trainedWith = given.trainedOf(cell) ? String(parts.experiment.passages[0]) : "";
    const length = hasInputs ? [`${arm.inputAnswerTokens} tokens`] : [];
    const name = cellName("eval", cell, [...given.inputs, trainedWith, ...length]);
    const known = await parts.store.loadAnswered(name);
    open.push({ name, arm: { ...arm, name }, answered: known ?? { seconds: 0, answers: [] } });
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
  return open.map(({ answered }) => answered);
}

/** A few questions after the other, saved as it goes. */
async function* answerTogether(
  cells: readonly OpenCell[],
  { dataset, passages }: EvaluationCell,
  parts: ComparisonParts & { readonly pairs: readonly QaPair[] },
): AsyncGenerator<CompareEvent, void> {
  const { data, model, pairs, store, signal } = parts;
  const usesPassages = cells.some(({ arm }) => arm.usesPassages);
  const found = usesPassages ? await data.testPassages(dataset, passages) : [];
  const generator = await model.open();
  for (let first = 0; first < pairs.length; first += ANSWERS_AT_ONCE) {
    const behind = cells.filter(({ answered }) => answered.answers.length <= first);
    const arms = behind.map(({ arm }) => arm);
    const group = await answerGroup({ generator, arms, pairs, found, k: passages, first, signal });
    for (const one of behind) {
      const { answers, seconds } = group.get(one.name)!;
      const withIds = answers.map((answer, index) => ({ id: pairs[first + index]!.id, ...answer }));
      one.answered = {
        seconds: one.answered.seconds + seconds,
        answers: [...one.answered.answers, ...withIds],
      };
      await store.save(one.name, one.answered);
    }
    const done = Math.min(first + ANSWERS_AT_ONCE, pairs.length);
    yield { event: "answered", dataset: dataset.name, done, questions: pairs.length };
  }
  for (const one of cells) yield finished(one, false, parts);
}

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
