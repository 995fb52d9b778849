import { GREEDY } from "../generator/index.ts";
import { wholeAnswer } from "./answer.ts";
import type { Foreword } from "./open-foreword.ts";
import { describePassage } from "./passage-text.ts";
import { servedModel } from "./served-models.ts";

/** Passages for a query as text for another program's model: where each stands, then its words. */
export async function searchText(
  foreword: Pick<Foreword, "search">,
  { query, k }: { readonly query: string; readonly k?: number | undefined },
  signal?: AbortSignal,
): Promise<string> {
  const found = await foreword.search(query, k, signal);
  if (found.length === 0) return "Nothing was found.";
  return found
    .map((passage, index) => `[${index + 1}] ${describePassage(passage)}\n${passage.text}`)
    .join("\n\n");
}

/** An answer from the documents as text, with its sources. `model`: one of HTTP's names. */
export async function askText(
  { answerer }: Pick<Foreword, "answerer">,
  { question, model = "foreword" }: { readonly question: string; readonly model?: string },
  signal?: AbortSignal,
): Promise<string> {
  const { mode, prompt } = await servedModel(answerer, model);
  const answer = await wholeAnswer(
    answerer.answer(
      {
        mode,
        prompt,
        messages: [{ role: "user", text: question }],
        sampling: GREEDY,
        stop: [],
        logProbabilities: false,
      },
      signal,
    ),
  );
  if (answer.abstention) return answer.abstention.message;
  const sources = answer.citations.map((passage) => `- ${describePassage(passage)}`);
  return sources.length > 0 ? `${answer.answer}\n\nSources:\n${sources.join("\n")}` : answer.answer;
}
