import { z } from "zod";
import type { Task } from "./prompt-template.ts";

/** A question with its accepted answers, none blank. Without any, the documents do not answer it. */
export interface QaPair {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly string[];
  /** "input": the question is a text that stands alone, and no passages belong to it. */
  readonly task?: "input";
  /** The passage that holds the answer, where the file says so. */
  readonly passageId?: string;
  /** The document or article it is about, where the file says so. */
  readonly document?: string;
}

/** What is asked of the documents; an input stands alone. */
export const isQuestion = ({ task }: Pick<QaPair, "task">): boolean => task !== "input";

/** What pairs are, as training takes them: inputs only where all of them stand alone. */
export const taskOfPairs = (pairs: readonly Pick<QaPair, "task">[]): Task =>
  pairs.some(isQuestion) ? "question" : "input";

/** Why an entry cannot be used. */
export interface QaProblem {
  readonly problem: string;
}

export const MAX_QUESTION_CHARACTERS = 10_000;
export const MAX_INPUT_CHARACTERS = 100_000;
export const MAX_ANSWER_CHARACTERS = 10_000;
export const MAX_ANSWERS = 100;

const answerText = z.string().max(MAX_ANSWER_CHARACTERS);
const answerList = z.array(answerText).max(MAX_ANSWERS);
const label = z.union([z.string().min(1).max(1000), z.int()]).transform(String);
/**
 * Ours, pairs `{input, output}`, FlashRAG's (`golden_answers`) and the Hugging Face form of SQuAD (`answers.text`); more fields may follow. A
 * table that was joined of several has null in the columns of the others.
 */
const record = z.object({
  id: label.nullish(),
  question: z.string().max(MAX_QUESTION_CHARACTERS).nullish(),
  input: z.string().max(MAX_INPUT_CHARACTERS).nullish(),
  output: answerText.nullish(),
  answers: z.union([answerList, z.object({ text: answerList })]).nullish(),
  golden_answers: answerList.nullish(),
  answer: answerText.nullish(),
  is_impossible: z.boolean().nullish(), // SQuAD 2.0
  passageId: label.nullish(),
  document: label.nullish(),
});

/**
 * One parsed JSON value as a pair; without answers where the value says that there is none (as SQuAD 2.0 does in both its forms).
 * `fallbackId` names an entry without an id of its own.
 */
export function toQaPair(value: unknown, fallbackId: string): QaPair | QaProblem {
  const result = record.safeParse(value);
  if (!result.success) return { problem: firstIssue(result.error) };
  const { id, input, passageId, document } = result.data;
  const question = result.data.question ?? input;
  if (question == null) return { problem: 'there is no "question" (or "input")' };
  if (question.trim() === "") return { problem: "the question is empty" };
  const answers = result.data.is_impossible ? [] : acceptedAnswers(result.data);
  if (answers.length === 0 && !saysThereIsNone(result.data)) {
    return { problem: "there is no answer" };
  }
  return {
    id: id ?? fallbackId,
    question: question.trim(),
    answers,
    ...(result.data.question == null && { task: "input" as const }),
    ...(passageId != null && { passageId }),
    ...(document != null && { document }),
  };
}

function saysThereIsNone({ is_impossible, answers }: z.infer<typeof record>): boolean {
  const hasEmptyList = answers != null && "text" in answers && answers.text.length === 0;
  return is_impossible === true || hasEmptyList;
}

/** Of the first field that has any. */
function acceptedAnswers(data: z.infer<typeof record>): readonly string[] {
  const { answers, golden_answers: golden, answer, output } = data;
  const list = answers && "text" in answers ? answers.text : answers;
  const fields = [list, golden, answer, output].map((given) => [given ?? []].flat());
  const found = fields.map((texts) =>
    texts.map((text) => text.trim()).filter((text) => text !== ""),
  );
  return [...new Set(found.find((texts) => texts.length > 0))];
}

/** The first thing wrong, without the value itself: logs carry no document text. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  const where = issue?.path.join(".") ?? "";
  return where === "" ? (issue?.message ?? "invalid") : `"${where}": ${issue?.message}`;
}
