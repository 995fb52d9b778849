import { z } from "zod";
import { type QaPair, type QaProblem, toQaPair } from "./qa-record.ts";

const squad = z.object({
  data: z.array(
    z.object({
      title: z.string().optional(),
      paragraphs: z.array(z.object({ qas: z.array(z.record(z.string(), z.unknown())) })),
    }),
  ),
});
const answerObjects = z.array(z.object({ text: z.string() }));

/** One question of the file, or that it has no answer on purpose (SQuAD v2). */
export type SquadEntry = { readonly entry: QaPair | QaProblem } | "unanswerable";

/** The questions of a parsed SQuAD v1 or v2 file in order; undefined when it has another form. */
export function readSquad(value: unknown): readonly SquadEntry[] | undefined {
  const parsed = squad.safeParse(value);
  if (!parsed.success) return undefined;
  let number = 0;
  return parsed.data.data.flatMap(({ title, paragraphs }) =>
    paragraphs.flatMap(({ qas }) =>
      qas.map((question) => readQuestion(question, title, `question-${++number}`)),
    ),
  );
}

function readQuestion(
  question: Readonly<Record<string, unknown>>,
  title: string | undefined,
  fallbackId: string,
): SquadEntry {
  if (question.is_impossible === true) return "unanswerable";
  const answers = answerObjects.safeParse(question.answers);
  if (!answers.success) return { entry: { problem: '"answers" is not a list of {text}' } };
  const texts = answers.data.map(({ text }) => text);
  const document = title === "" ? undefined : title;
  return { entry: toQaPair({ ...question, answers: texts, document }, fallbackId) };
}
