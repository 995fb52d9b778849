import { z } from "zod";
import { type QaPair, type QaProblem, toQaPair } from "./qa-record.ts";

const squad = z.object({
  data: z.array(
    z.object({
      title: z.string().nullish(),
      paragraphs: z.array(z.object({ qas: z.array(z.record(z.string(), z.unknown())) })),
    }),
  ),
});
const answerObjects = z.array(z.object({ text: z.string() }));

/** The questions of a parsed SQuAD v1 or v2 file in order; undefined when it has another form. */
export function readSquad(value: unknown): readonly (QaPair | QaProblem)[] | undefined {
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
  title: string | null | undefined,
  fallbackId: string,
): QaPair | QaProblem {
  const answers = answerObjects.safeParse(question.answers);
  if (!answers.success) return { problem: '"answers" is not a list of {text}' };
  const texts = answers.data.map(({ text }) => text);
  const document = title === "" ? undefined : title;
  return toQaPair({ ...question, answers: texts, document }, fallbackId);
}
