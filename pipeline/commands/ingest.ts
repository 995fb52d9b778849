import { Command } from "commander";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";

/** `foreword ingest`: files become documents of the store. */
export function ingestCommand(host: CommandHost): Command {
  const command = new Command("ingest")
    .description("add or update documents: txt, md, html, pdf, docx, jsonl")
    .argument("<path...>", "files, folders or globs; each line of a .jsonl is a document")
    .option("--prune", "remove documents whose files are gone")
    .action((paths: string[], flags) =>
      host.run(command, {}, (context) => ingestPaths(context, paths, flags.prune === true)),
    );
  return withExample(command, "foreword ingest docs/ handbook.pdf --prune");
}

async function ingestPaths(
  { terminal, workspace, signal }: CommandContext,
  paths: readonly string[],
  prune: boolean,
): Promise<ExitCode> {
  // The readers of all formats are a lot to load; other commands do without.
  const { ingest } = await import("../../ingest/index.ts");
  const progress = terminal.progress("files");
  const embedder = await workspace.embedder();
  const corpus = await workspace.corpus(true);
  try {
    const summary = await ingest({
      paths,
      corpus,
      embedder,
      prune,
      signal,
      log: workspace.log,
      onProgress: ({ done, total, source }) => progress.update(done, total, source),
    });
  } finally {
    progress.end();
  }
  return EXIT.done;
}
