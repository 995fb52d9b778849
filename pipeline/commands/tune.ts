import { basename } from "node:path";
import { Command } from "commander";
import {
  parameterReport,
  parseTuneSettings,
  readQaFile,
  skippedLine,
  type TuneEvent,
  tunePrompt,
  unusedSettings,
} from "../../ptuning/index.ts";
import { begunAnewLine } from "../begun-anew.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { decimalNumber, nameList, wholeNumber } from "../flag-numbers.ts";
import { requireDocumentsFor } from "../pair-passages.ts";
import { withRerankFlags } from "../rerank-flags.ts";
import { flagName } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** `foreword tune`: trains a learned prompt on question-answer pairs. */
export function tuneCommand(host: CommandHost): Command {
  const command = new Command("tune")
    .description("train a learned prompt on question-answer pairs about the store's documents")
    .argument(
      "<qa>",
      "JSONL {id, question, answers} or {input, output}, SQuAD JSON or FlashRAG JSONL",
    )
    .option("--name <name>", 'the prompt\'s name (default: "default")')
    .option(
      "--method <method>",
      "p-tuning-v2 (default), p-tuning, prompt-tuning, prefix-tuning, lora, full",
    )
    .option("--encoder <kind>", "of p-tuning: mlp (default), lstm, embedding")
    .option("--tokens <count>", "virtual tokens (default: 16)", wholeNumber("tokens"))
    .option(
      "--initialise <how>",
      "virtual tokens start as a text (default), vocabulary samples, or random",
    )
    .option("--instruction <text>", "the text they start as")
    .option("--random-tokens", "train a random first-k each step, so that any --tokens works later")
    .option(
      "--placement <place>",
      "between passages and question (default), or prefix (prefix-tuning's place)",
    )
    .option(
      "--template <text>",
      "the user's message with {passages}, {virtual tokens} and {question}, instead of a placement",
    )
    .option("--projection", "of prefix-tuning: a network makes the rows")
    .option("--rank <count>", "of lora (default: 16)", wholeNumber("rank"))
    .option("--alpha <number>", "of lora (default: 32)", decimalNumber("alpha"))
    .option("--targets <names>", "of lora: q,k,v,o,gate,up,down, c_attn or all-linear", nameList)
    .option("--epochs <count>", "default: 4", wholeNumber("epochs"))
    .option("--learning-rate <rate>", "default: the method's own", decimalNumber("learning-rate"))
    .option("--find-learning-rate", "look for the rate with a range test first")
    .option("--batch <count>", "examples computed together (default: 8)", wholeNumber("batch"))
    .option("--accumulate <count>", "batches per step (default: 1)", wholeNumber("accumulate"))
    .option(
      "--patience <count>",
      "epochs without gain before it stops (default: 2)",
      wholeNumber("patience"),
    )
    .option(
      "--passages <count>",
      "retrieved passages per example, and per question later (default: 1)",
      wholeNumber("passages"),
    )
    .option(
      "--passages-min <count>",
      "a random number of passages from this up",
      wholeNumber("passages-min"),
    )
    .option("--shuffle-passages", "passages in random order")
    .option("--distractors <count>", "passages of other questions", wholeNumber("distractors"))
    .option(
      "--variants <count>",
      "draws of passages per example, where these vary (default: 2)",
      wholeNumber("variants"),
    )
    .option(
      "--unanswerable <share>",
      "of the examples: passages that do not answer, and no answer to learn (0 to 0.5)",
      decimalNumber("unanswerable"),
    )
    .option(
      "--max-answer-tokens <count>",
      "of an answer that is learned (default: 64)",
      wholeNumber("max-answer-tokens"),
    )
    .option("--limit <count>", "use this many pairs, drawn at random", wholeNumber("limit"))
    .option("--seed <number>", "default: 1", wholeNumber("seed"))
    .option("--seeds <count>", "train so many times and keep the best", wholeNumber("seeds"))
    .option(
      "--checkpoint-steps <count>",
      "save where training stands this often (default: 50)",
      wholeNumber("checkpoint-steps"),
    )
    .option(
      "--passage-disk-bytes <count>",
      "keys and values of passages kept on disk meanwhile (default: a quarter of the free space, at most 16 GiB; 0: none)",
      wholeNumber("passage-disk-bytes"),
    )
    .option("--resume", "continue an interrupted run of the same settings")
    .action((path: string, flags) =>
      host.run(command, {}, (context) => tune(context, path, flags)),
    );
  return withExample(
    withRerankFlags(command),
    "foreword tune questions.jsonl --name handbook --epochs 4",
  );
}

async function tune(
  { settings, terminal, workspace, signal }: CommandContext,
  path: string,
  flags: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { rerank, reranker, rerankDepth, ...own } = flags; // settings of every search
  const { tokens } = settings; // of the environment or the configuration file
  const tuning = parseTuneSettings(tokens === undefined ? own : { tokens, ...own }, flagName);
  for (const unused of unusedSettings(own, tuning)) terminal.warn(unused);
  const qa = await readQaFile(path, signal);
  for (const { where, problem } of qa.skipped) {
    terminal.warn(`${basename(path)}: ${where} is skipped: ${problem}.`);
  }
  await requireDocumentsFor(qa.pairs, workspace);
  const generator = await workspace.generator();
  const events = tunePrompt(tuning, {
    qa,
    generator,
    retrieve: (questions, count, stop) => workspace.retrieveMany(questions, count, stop),
    storeFolder: settings.store,
    signal,
  });
  for await (const event of events) {
    terminal.event(event);
    if (event.event === "skipped") terminal.warn(`${basename(path)}: ${skippedLine(event)}`);
    else show(terminal, event);
  }
}

function show(terminal: Terminal, event: Exclude<TuneEvent, EventOf<"skipped">>): void {
  if (event.event === "step") terminal.live(stepLine(event));
  else if (event.event === "anew") terminal.warn(begunAnewLine(event));
  else if (event.event !== "done") terminal.note(noteOn(event));
  else if (!terminal.isJson) terminal.result(event, () => summary(event));
}

type EventOf<Name extends TuneEvent["event"]> = TuneEvent & { readonly event: Name };

function stepLine(event: EventOf<"step">): string {
  const { step, steps, epoch, loss, examplesPerSecond, secondsLeft } = event;
  return `step ${step}/${steps}  epoch ${epoch}  loss ${loss.toFixed(3)}  ${examplesPerSecond.toFixed(1)} examples/s  ${duration(secondsLeft)} left`;
}

function noteOn(event: Exclude<TuneEvent, EventOf<"skipped" | "step" | "done" | "anew">>): string {
  switch (event.event) {
    case "retrieving":
      return `Retrieving passages for ${event.pairs} questions…`;
    case "prepared":
      return `${describePrepared(event)}\n${parameterReport(event)}`;
    case "learning-rate":
      return `Learning rate found: ${event.learningRate.toPrecision(2)}.`;
    case "checkpoint":
      return `step ${event.step}: checkpoint saved`;
    case "seed":
      return `seed ${event.seed}: held-out F1 ${event.dev?.f1.toFixed(1) ?? "-"}`;
    case "dev":
      return `epoch ${event.epoch}: held-out EM ${event.em.toFixed(1)}, F1 ${event.f1.toFixed(1)}${event.best ? " (best so far)" : ""}`;
  }
}

function describePrepared(event: EventOf<"prepared">) {
  const { examples, dev, answersRetrieved, duplicates, unused } = event;
  const repeated = duplicates > 0 ? `; ${duplicates} repeated pairs are left out` : "";
  const beside = unused > 0 ? `; ${unused} about documents of held-out ones are not used` : "";
  return `Training on ${examples} examples, ${dev > 0 ? dev : "nothing"} held out; the answer was retrieved for ${answersRetrieved}${repeated}${beside}.`;
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
