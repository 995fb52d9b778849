import { Command } from "commander";
import type { WatchEvent, WatchOptions } from "../../ingest/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { wholeNumber } from "../flag-numbers.ts";

/** `foreword watch`: a store that follows its folders. */
export function watchCommand(host: CommandHost): Command {
  const command = new Command("watch")
    .description("keep the store in line with folders: add, update and remove as files change")
    .argument("<path...>", "folders or files")
    .option("--poll", "look at the files again and again: for network drives")
    .option("--collection <name>", "a name for these documents, to search in them alone")
    .option(
      "--overlap <tokens>",
      "repeat up to so many tokens of the passage before, as with ingest (default 0, at most 120)",
      wholeNumber("overlap"),
    )
    .action((paths: string[], flags) =>
      host.run(command, {}, (context) =>
        watchPaths(context, paths, {
          isPolling: flags.poll === true,
          collection: flags.collection,
          overlap: flags.overlap,
        }),
      ),
    );
  return withExample(command, "foreword watch docs/ --json");
}

async function watchPaths(
  context: CommandContext,
  paths: readonly string[],
  options: Pick<WatchOptions, "isPolling" | "collection" | "overlap">,
): Promise<ExitCode> {
  const { terminal, workspace, settings, signal } = context;
  // The readers of all formats are a lot to load; other commands do without.
  const { requireOverlap, watch } = await import("../../ingest/index.ts");
  requireOverlap(options.overlap, "--overlap");
  const embedder = await workspace.embedder();
  const corpus = await workspace.corpus(true);
  try {
    return await watch({
      paths,
      corpus,
      embedder,
      storeFolder: settings.store,
      root: process.cwd(),
      ...options,
      signal,
      onEvent: (event) => {
        if (terminal.isJson) terminal.event(event);
        else terminal.line(describe(event));
      },
    });
  } catch (thrown) {
    // Whatever breaks after the signal breaks because of it.
    if (!signal.aborted) throw thrown;
    return context.endedBy() === "SIGTERM" ? EXIT.done : EXIT.interrupted;
  }
}

function describe(event: WatchEvent): string {
  switch (event.event) {
    case "watching":
      return `watching ${event.paths.join(", ")}: ${counts(event)}; Ctrl-C ends`;
    case "synced":
      return `in line again: ${counts(event)}`;
    case "failed":
      return `refused ${event.source}: ${event.reason}`;
    default:
      return `${event.event} ${event.source}`;
  }
}

function counts({ documents, seconds }: Extract<WatchEvent, { event: "synced" | "watching" }>) {
  const { added, updated, unchanged, removed } = documents;
  return `${added} added, ${updated} updated, ${unchanged} unchanged, ${removed} removed in ${seconds.toFixed(1)} s`;
}
