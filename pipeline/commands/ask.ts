import { Command } from "commander";
import { GREEDY } from "../../generator/index.ts";
import { answerQuestion } from "../answer.ts";
import { answerSettings, withAnswerFlags } from "../answer-flags.ts";
import type { Answer } from "../answerer.ts";
import { askedText } from "../asked-text.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { describePassage } from "../passage-text.ts";
import { withRerankFlags } from "../rerank-flags.ts";
import type { Workspace } from "../workspace.ts";

/** `foreword ask`: one question, answered from the store's documents. */
export function askCommand(host: CommandHost): Command {
  const command = withAnswerFlags(
    new Command("ask")
      .description("answer a question from the documents of the store")
      .argument("<question>", "about the documents", askedText),
  )
    .option("--no-retrieval", "ask the model alone")
    .action((question: string, flags) =>
      host.run(command, answerSettings(flags), (context) =>
        ask(context, question, flags.retrieval),
      ),
    );
  return withExample(
    withRerankFlags(command),
    'foreword ask "How long is the warranty?" --prompt handbook',
  );
}

async function ask(
  { settings, terminal, workspace, signal }: CommandContext,
  question: string,
  isRetrieval: boolean,
): Promise<void> {
  if (isRetrieval && !(await isForInputs(workspace, settings.prompt))) {
    await workspace.requireDocuments();
  }
  const parts = await workspace.answerParts();
  const pieces = answerQuestion(
    parts,
    {
      mode: isRetrieval ? "retrieval" : "question",
      messages: [{ role: "user", text: question }],
      prompt: settings.prompt,
      k: settings.k,
      maxTokens: settings.maxTokens,
      sampling: GREEDY,
      stop: [],
      logProbabilities: false,
    },
    signal,
  );
  for (;;) {
    const { value, done } = await pieces.next();
    if (!done) {
      terminal.partial(value.text);
      continue;
    }
    const { finishReason: _, ...result } = value;
    terminal.result(result, () => describeAnswer(value));
    return;
  }
}

/** A prompt that was trained on inputs needs no documents. */
async function isForInputs(workspace: Workspace, prompt: string | undefined): Promise<boolean> {
  if (prompt === undefined) return false;
  return (await workspace.choosePrompt(prompt))?.about.task === "input";
}

/** What follows the answer's text, which has been printed as it came. */
function describeAnswer(answer: Answer): string {
  const lines = answer.abstained ? ["No answer was found in the documents."] : ["\n"];
  if (answer.citations.length > 0) {
    lines.push("Evidence:", ...answer.citations.map((passage) => `  ${describePassage(passage)}`));
  }
  const unread = answer.passages.filter(({ used }) => !used);
  if (unread.length > 0) {
    lines.push("Found, not read:", ...unread.map((passage) => `  ${describePassage(passage)}`));
  }
  const { totalMs } = answer.timings;
  lines.push(`(prompt: ${answer.prompt ?? "none"}, ${(totalMs / 1000).toFixed(1)} s)`);
  return lines.join("\n").replace(/^\n\n/, "\n");
}
