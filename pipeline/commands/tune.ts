import { basename } from "node:path";
import { Command } from "commander";
import { parseTuneSettings, readQaFile, type TuneEvent, tunePrompt } from "../../ptuning/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { decimalNumber, wholeNumber } from "../flag-numbers.ts";
import type { Terminal } from "../terminal.ts";

/** `foreword tune`: trains a learned prompt on question-answer pairs. */
export function tuneCommand(host: CommandHost): Command {
  const command = new Command("tune")
    .description("train a learned prompt on question-answer pairs about the store's documents")
    .argument("<qa>", "JSONL {id, question, answers}, SQuAD JSON or FlashRAG JSONL")
    .option("--name <name>", 'the prompt\'s name (default: "default")')
    .option(
      "--method <method>",
      "p-tuning-v2 (default), p-tuning, prompt-tuning, prefix-tuning, lora, full",
    )
    .option("--encoder <kind>", "of p-tuning: mlp (default), lstm, embedding")
    .option("--tokens <count>", "virtual tokens (default: 16)", wholeNumber("tokens"))
    .option("--placement <place>", "between passages and question (default: between), or prefix")
    .option("--epochs <count>", "default: 4", wholeNumber("epochs"))
    .option("--learning-rate <rate>", "default: the method's own", decimalNumber("learning-rate"))
    .option("--batch <count>", "examples per step (default: 8)", wholeNumber("batch"))
    .option(
      "--passages <count>",
      "retrieved passages per example (default: 3)",
      wholeNumber("passages"),
    )
    .option("--limit <count>", "use this many pairs, drawn at random", wholeNumber("limit"))
    .option("--seed <number>", "default: 1", wholeNumber("seed"))
    .option("--resume", "continue an interrupted run of the same settings")
    .action((path: string, flags) =>
      host.run(command, {}, (context) => tune(context, path, flags)),
    );
  return withExample(command, "foreword tune questions.jsonl --name handbook --epochs 4");
}

async function tune(
  { settings, terminal, workspace, signal }: CommandContext,
  path: string,
  flags: Readonly<Record<string, unknown>>,
): Promise<void> {
  const tuning = parseTuneSettings(flags, "foreword tune");
  const qa = await readQaFile(path, signal);
  for (const { where, problem } of qa.skipped) {
    terminal.warn(`${basename(path)}: ${where} is skipped: ${problem}.`);
  }
  await workspace.requireDocuments();
  const generator = await workspace.generator();
  const events = tunePrompt(tuning, {
    qa,
    generator,
    retrieve: (questions, stop) => workspace.retrieveMany(questions, tuning.passages, stop),
    storeFolder: settings.store,
    signal,
  });
  for await (const event of events) show(terminal, event);
}

function show(terminal: Terminal, event: TuneEvent): void {
  terminal.event(event);
  if (event.event === "step") terminal.live(stepLine(event));
  else if (event.event !== "done") terminal.note(noteOn(event));
  else if (!terminal.isJson) terminal.result(event, () => summary(event));
}

type EventOf<Name extends TuneEvent["event"]> = TuneEvent & { readonly event: Name };

function stepLine(event: EventOf<"step">): string {
  const { step, steps, epoch, loss, examplesPerSecond, secondsLeft } = event;
  return `step ${step}/${steps}  epoch ${epoch}  loss ${loss.toFixed(3)}  ${examplesPerSecond.toFixed(1)} examples/s  ${duration(secondsLeft)} left`;
}

function noteOn(event: EventOf<"retrieving" | "prepared" | "dev">): string {
  switch (event.event) {
    case "retrieving":
      return `Retrieving passages for ${event.pairs} questions…`;
    case "prepared":
      return `Training ${event.trainableParameters} parameters on ${event.examples} examples, ${event.dev} held out; the answer was retrieved for ${event.answersRetrieved}.`;
    case "dev":
      return `epoch ${event.epoch}: held-out EM ${event.em.toFixed(1)}, F1 ${event.f1.toFixed(1)}${event.best ? " (best so far)" : ""}`;
  }
}

function summary(event: EventOf<"done">): string {
  const scores = event.dev
    ? `held-out EM ${event.dev.em.toFixed(1)}, F1 ${event.dev.f1.toFixed(1)}`
    : "nothing was held out";
  return `Prompt "${event.prompt}" is trained: ${event.steps} steps in ${duration(event.seconds)}, loss ${event.trainLoss.toFixed(3)}, ${scores}${event.stoppedEarly ? ", stopped early" : ""}.\nUse it: foreword ask "…" --prompt ${event.prompt}`;
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
