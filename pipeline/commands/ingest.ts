import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { RagError } from "../../core/index.ts";
import type { IngestProgress, IngestSummary } from "../../ingest/index.ts";
import { CORPUS_FILE, memoryCorpus } from "../../retriever/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { wholeNumber } from "../flag-numbers.ts";
import { waitOption } from "../lock-wait.ts";
import type { Terminal } from "../terminal.ts";

/** `foreword ingest`: files become documents of the store. */
export function ingestCommand(host: CommandHost): Command {
  const command = new Command("ingest")
    .description(
      "add or update documents: text, md, html, pdf, Office, OpenDocument, epub, rtf, csv, json, mail, code",
    )
    .argument("<path...>", "files, folders or globs; each line of a .jsonl is a document")
    .option("--prune", "remove documents whose files are gone")
    .option(
      "--dry-run",
      "say what would be added, updated, removed and refused, and change nothing",
    )
    .addOption(waitOption())
    .option("--collection <name>", "a name for these documents, to search in them alone")
    .option(
      "--overlap <tokens>",
      "repeat up to so many tokens of the passage before, in whole sentences (default 0, at most 120)",
      wholeNumber("overlap"),
    )
    .option(
      "--loader <name>",
      "read each path with a LangChain loader: obsidian, notion, chatgpt or module#Class",
    )
    .action((paths: string[], flags) =>
      host.run(command, {}, (context) =>
        ingestPaths(context, paths, {
          prune: flags.prune === true,
          dryRun: flags.dryRun === true,
          waitMs: flags.wait,
          collection: flags.collection,
          loader: flags.loader,
          overlap: flags.overlap,
        }),
      ),
    );
  return withExample(command, "foreword ingest docs/ handbook.pdf --prune");
}

interface IngestFlags {
  readonly prune: boolean;
  readonly dryRun: boolean;
  readonly waitMs: number;
  readonly collection: string | undefined;
  readonly loader: string | undefined;
  readonly overlap: number | undefined;
}

async function ingestPaths(
  { terminal, workspace, settings, signal }: CommandContext,
  paths: readonly string[],
  { loader, ...options }: IngestFlags,
): Promise<ExitCode> {
  if (loader !== undefined && options.dryRun) {
    throw new RagError(
      "config/invalid",
      "--dry-run: does not know what a --loader would give; leave one of them out.",
    );
  }
  // The readers of all formats are a lot to load; other commands do without.
  const { ingest, ingestWithLoader, requireOverlap } = await import("../../ingest/index.ts");
  requireOverlap(options.overlap, "--overlap");
  const embedder = await workspace.embedder(true);
  const isMissing = options.dryRun && !existsSync(join(settings.store, CORPUS_FILE));
  const corpus = isMissing ? memoryCorpus(embedder) : await workspace.corpus(true);
  const progress = terminal.progress("documents");
  let summary: IngestSummary;
  try {
    const job = {
      paths,
      corpus,
      embedder,
      storeFolder: settings.store,
      root: process.cwd(),
      ...options,
      signal,
      onProgress: ({ done, total, source }: IngestProgress) => progress.update(done, total, source),
    };
    summary = await (loader === undefined ? ingest(job) : ingestWithLoader({ ...job, loader }));
  } finally {
    progress.end();
  }
  const { dryRun } = options;
  const result = dryRun ? { ...summary, dryRun } : summary;
  terminal.result(result, () =>
    dryRun
      ? `Nothing was changed; this would be done:\n${describe(summary, terminal)}`
      : describe(summary, terminal),
  );
  const { added, updated, unchanged, failed } = summary.documents;
  if (failed.length === 0) return EXIT.done;
  return added + updated + unchanged > 0 ? EXIT.partlyDone : EXIT.failed;
}

const KEPT =
  "whose files are not there: they were ingested from another folder, or by an earlier version; remove them on the page (foreword serve)";

function describe({ documents, chunks, seconds }: IngestSummary, terminal: Terminal): string {
  const { added, updated, unchanged, removed, failed, kept = 0 } = documents;
  const { refused: count = failed.length } = documents;
  const counts = `${added} added, ${updated} updated, ${unchanged} unchanged, ${removed} removed`;
  const named = failed.map(
    ({ source, reason }) => `${terminal.paint("31", "refused")} ${source}: ${reason}`,
  );
  return [
    `${terminal.paint("1", "documents")}  ${counts}${count === 0 ? "" : `, ${count} refused`}`,
    `${terminal.paint("1", "passages")}   ${chunks} new in ${seconds.toFixed(1)} s`,
    ...(kept === 0 ? [] : [`${terminal.paint("1", "kept")}       ${kept} ${KEPT}`]),
    ...named,
  ].join("\n");
}
