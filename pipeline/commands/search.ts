import { Command, Option } from "commander";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { describePassage, excerpt } from "../passage-text.ts";
import { parseFilters } from "../search-filter.ts";
import type { SearchMode } from "../workspace.ts";

const DEFAULT_RESULTS = 5;

/** `foreword search`: the passages retrieval finds. */
export function searchCommand(host: CommandHost): Command {
  const command = new Command("search")
    .description("find passages in the documents of the store")
    .argument("<query>")
    .option("--k <count>", `passages to show (default: ${DEFAULT_RESULTS})`)
    .addOption(
      new Option("--mode <mode>", "how to search")
        .choices(["hybrid", "dense", "keyword"])
        .default("hybrid"),
    )
    .option(
      "--filter <expression>",
      "only documents with key=text or key:=number; can be given more than once",
      collect,
    )
    .action((query: string, flags) =>
      host.run(command, { k: flags.k }, (context) =>
        search(context, query, { mode: flags.mode, filters: flags.filter ?? [] }),
      ),
    );
  return withExample(command, 'foreword search "return a damaged item" --k 3 --mode hybrid');
}

const collect = (value: string, before: readonly string[] = []) => [...before, value];

async function search(
  { settings, terminal, workspace, signal }: CommandContext,
  query: string,
  options: { readonly mode: SearchMode; readonly filters: readonly string[] },
): Promise<void> {
  const found = await workspace.search(
    query,
    { k: settings.k ?? DEFAULT_RESULTS, mode: options.mode, filter: parseFilters(options.filters) },
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
