import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { writeFileAtomic } from "../../core/index.ts";
import { skippedLine, type TuneEvent } from "../../ptuning/index.ts";
import { begunAnewLine } from "../begun-anew.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { answerLines } from "../compare/answers.ts";
import { failedName } from "../compare/cell-failures.ts";
import { type Comparison, compare } from "../compare/compare.ts";
import type { CompareEvent } from "../compare/compare-events.ts";
import { datasetPlots } from "../compare/dataset-plots.ts";
import { DatasetStores } from "../compare/dataset-stores.ts";
import { type Experiment, readExperiment } from "../compare/experiment.ts";
import { htmlComparison } from "../compare/html.ts";
import { markdownAnswers, markdownReport } from "../compare/markdown.ts";
import { plotFile } from "../compare/plots.ts";
import { retrievalIdentity } from "../compare/retrieval-identity.ts";
import { type Summary, summarize } from "../compare/summary.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { withRerankFlags } from "../rerank-flags.ts";
import type { Terminal } from "../terminal.ts";
import { Workspace } from "../workspace.ts";

/** Arms answer a few questions in turn from the same passages: room for those of a few long prompts. */
const PASSAGE_CACHE_BYTES = 2 ** 29;

interface CompareFlags {
  readonly out?: string;
  readonly data?: string;
  readonly stores?: string;
}

/** `foreword compare`: arms × datasets × passages × tokens × seeds from one file. */
export function compareCommand(host: CommandHost): Command {
  const command = new Command("compare")
    .description("train and compare methods on datasets, as an experiment file says; resumable")
    .argument("<experiment>", "JSON: name, datasets, arms, passages, tokens, seeds")
    .option("--out <folder>", "results and trained prompts (default: beside the file, by its name)")
    .option("--data <folder>", "where the question files are (default: the file's folder)")
    .option("--stores <folder>", "ingested stores, one named as each dataset (default: OUT/stores)")
    .action((path: string, flags: CompareFlags) =>
      host.run(command, {}, (context) => {
        warnOfStore(command, context.terminal);
        return compareFile(context, path, flags);
      }),
    );
  return withExample(
    withRerankFlags(command),
    "foreword ingest squad/passages.jsonl --store stores/squad",
    "foreword compare methods.json --data . --stores stores",
  );
}

/** Set elsewhere, for other commands, it does not matter. */
function warnOfStore(command: Command, terminal: Terminal): void {
  if (command.optsWithGlobals().store === undefined) return;
  terminal.warn(
    "--store is not used: each dataset has a store of its own; name the folder of them with --stores.",
  );
}

async function compareFile(
  context: CommandContext,
  path: string,
  flags: CompareFlags,
): Promise<ExitCode> {
  const experiment = await readExperiment(path);
  const outFolder = resolve(flags.out ?? join(dirname(path), experiment.name));
  const comparison = await runAll(context, experiment, {
    outFolder,
    dataFolder: flags.data ?? dirname(path),
    storesFolder: flags.stores ?? join(outFolder, "stores"),
  });
  const summary = summarize(experiment, comparison);
  await writeReports(outFolder, summary, comparison);
  context.terminal.result({ event: "done", out: outFolder, ...summary }, () =>
    [markdownReport(summary), `Reports are in ${outFolder}.`].join("\n"),
  );
  const { failed } = summary;
  if (failed.length === 0) return EXIT.done;
  const names = failed.map(failedName).join("; ");
  context.terminal.warn(`Without a result: ${names}. Run it again to try these again.`);
  return EXIT.failed;
}

async function runAll(
  { settings, terminal, signal }: CommandContext,
  experiment: Experiment,
  {
    storesFolder,
    ...folders
  }: {
    readonly outFolder: string;
    readonly dataFolder: string;
    readonly storesFolder: string;
  },
): Promise<Comparison> {
  const stores = new DatasetStores({ folder: storesFolder, settings, terminal, signal });
  const { modelPrecision, contextLength, provider } = settings;
  try {
    const events = compare({
      ...folders,
      experiment,
      openGenerator: () =>
        new Workspace({
          settings,
          terminal,
          signal,
          passageCacheBytes: PASSAGE_CACHE_BYTES,
        }).generator(),
      modelSettings: { modelPrecision, contextLength, provider },
      requireStore: ({ name }) => stores.requireDocuments(name),
      retrieve: ({ name }, questions, k) => stores.of(name).retrieveMany(questions, k),
      retrievalOf: async ({ name }) => retrievalIdentity(await stores.of(name).corpus(), settings),
      signal,
    });
    for (;;) {
      const { value, done } = await events.next();
      if (done) return value;
      show(terminal, value);
    }
  } finally {
    await stores.close();
  }
}

async function writeReports(
  folder: string,
  summary: Summary,
  comparison: Comparison,
): Promise<void> {
  await writeFileAtomic(join(folder, "result.json"), `${JSON.stringify(summary, undefined, 1)}\n`);
  await writeFileAtomic(join(folder, "report.md"), markdownReport(summary));
  await writeFileAtomic(join(folder, "report.html"), htmlComparison(summary, comparison));
  await writeFileAtomic(join(folder, "answers.jsonl"), answerLines(comparison));
  await writeFileAtomic(join(folder, "answers.md"), markdownAnswers(summary, comparison));
  for (const { name } of summary.experiment.datasets) {
    const arms = summary.arms.filter(({ dataset }) => dataset === name);
    for (const plot of datasetPlots(arms)) {
      await writeFileAtomic(join(folder, "plots", `${name}-${plot.name}.svg`), plotFile(plot.svg));
    }
  }
}

function show(terminal: Terminal, event: CompareEvent): void {
  terminal.event(event);
  if (event.event === "training") {
    terminal.note(`Training ${event.arm} on ${event.dataset}…`);
  } else if (event.event === "cell") {
    const { cell, done, cells, em, f1, known } = event;
    const scores = `EM ${em.toFixed(1)}, F1 ${f1.toFixed(1)}`;
    terminal.note(`${done}/${cells} ${cell}: ${scores}${known ? " (known)" : ""}`);
  } else if (event.event === "failed") {
    terminal.warn(`${event.done}/${event.cells} ${failedName(event)} failed: ${event.reason}`);
  } else if (event.event === "answered") {
    const { dataset, done, questions } = event;
    terminal.live(`${dataset}: ${done} of ${questions} questions`);
  } else {
    showTraining(terminal, event.of);
  }
}

function showTraining(terminal: Terminal, event: TuneEvent): void {
  if (event.event === "anew") terminal.warn(begunAnewLine(event));
  if (event.event === "skipped") terminal.warn(skippedLine(event));
  if (event.event !== "step") return;
  const { step, steps, loss, secondsLeft } = event;
  terminal.live(
    `step ${step}/${steps}  loss ${loss.toFixed(3)}  ${Math.round(secondsLeft)} s left`,
  );
}
