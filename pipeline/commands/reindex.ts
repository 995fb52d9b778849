import { Command } from "commander";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { waitOption } from "../lock-wait.ts";

/** `foreword reindex`: the vectors of another embedder, or the index built anew. */
export function reindexCommand(host: CommandHost): Command {
  const command = new Command("reindex")
    .description(
      "embed the store's passages with the embedder in use, when they were embedded by another; build the index anew",
    )
    .addOption(waitOption())
    .action((flags) => host.run(command, {}, (context) => run(context, flags.wait)));
  return withExample(command, "foreword reindex --embedder ./models/bge-small-en");
}

async function run(
  { settings, terminal, workspace, signal }: CommandContext,
  waitMs: number,
): Promise<void> {
  // The readers of all formats are a lot to load; other commands do without.
  const { reindex } = await import("../../ingest/index.ts");
  const embedder = await workspace.embedder();
  const progress = terminal.progress("passages");
  try {
    const summary = await reindex({
      storeFolder: settings.store,
      embedder,
      waitMs,
      signal,
      onProgress: (done, total) => progress.update(done, total),
    });
    progress.end();
    const { documents, chunks, embedded, tooLong, embedder: used, seconds } = summary;
    if (tooLong > 0) {
      terminal.warn(
        `${tooLong} passages are longer than this embedder reads; run foreword ingest on the same files again, which cuts them anew.`,
      );
    }
    terminal.result(summary, () =>
      [
        embedded === 0
          ? `indexed anew  ${chunks} passages in ${seconds.toFixed(1)} s`
          : `embedded anew  ${chunks} passages of ${documents} documents in ${seconds.toFixed(1)} s`,
        `embedder  ${used.now}`,
      ].join("\n"),
    );
  } finally {
    progress.end();
  }
}
