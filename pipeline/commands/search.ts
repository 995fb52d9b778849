import { Command, InvalidArgumentError, Option } from "commander";
import { requireSearchOptions, type SearchOptions } from "../../retriever/index.ts";
import { askedText } from "../asked-text.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { decimalNumber, wholeNumber } from "../flag-numbers.ts";
import { describePassage, excerpt } from "../passage-text.ts";
import { withRerankFlags } from "../rerank-flags.ts";
import { parseFilters } from "../search-filter.ts";
import { flagName } from "../settings.ts";

const DEFAULT_RESULTS = 5;

/** `foreword search`: the passages retrieval finds. */
export function searchCommand(host: CommandHost): Command {
  const command = new Command("search")
    .description("find passages in the documents of the store")
    .argument("<query>", "a question or words", askedText)
    .option("--k <count>", `passages to show (default: ${DEFAULT_RESULTS})`)
    .addOption(
      new Option("--mode <mode>", "how to search")
        .choices(["hybrid", "dense", "keyword"])
        .default("hybrid"),
    )
    .option(
      "--filter <expression>",
      "only documents with key=text, key:=number, key>=number, or a filter as JSON; can be given more than once",
      collect,
    )
    .option("--collection <name>", "only documents of this collection")
    .option("--min-score <score>", "leave out results below this score", toNumber)
    .option("--diversity <lambda>", "0 (variety) to 1 (relevance only)", decimalNumber("diversity"))
    .option(
      "--neighbours <count>",
      "passages before and after each result (at most 100)",
      wholeNumber("neighbours"),
    )
    .action((query: string, flags) =>
      host.run(command, { k: flags.k }, (context) =>
        search(context, query, {
          mode: flags.mode,
          filter: parseFilters(flags.filter ?? [], flags.collection),
          minScore: flags.minScore,
          diversity: flags.diversity,
          neighbours: flags.neighbours,
        }),
      ),
    );
  return withExample(
    withRerankFlags(command),
    'foreword search "return a damaged item" --k 3 --mode hybrid',
  );
}

/** Commander's message names the flag. */
function toNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number) || number < 0) {
    throw new InvalidArgumentError("Expected a number of 0 or more.");
  }
  return number;
}

const collect = (value: string, before: readonly string[] = []) => [...before, value];

async function search(
  { settings, terminal, workspace, signal }: CommandContext,
  query: string,
  options: SearchOptions,
): Promise<void> {
  requireSearchOptions(options, flagName);
  const found = await workspace.search(
    query,
    { ...options, k: settings.k ?? DEFAULT_RESULTS },
    signal,
  );
  terminal.result(found, () =>
    found.results.length === 0
      ? "Nothing was found."
      : found.results
          .map(
            (passage, index) =>
              `${terminal.paint("1", `${index + 1}. ${describePassage(passage)}`)}  score ${passage.score.toFixed(4)}\n   ${excerpt(passage.text)}`,
          )
          .join("\n"),
  );
}
