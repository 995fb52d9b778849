import { Command, CommanderError } from "commander";
import { errorMessage, RagError, withoutFolders } from "../core/index.ts";
import { defaultCacheFolder } from "../runtime/index.ts";
import type { CommandAction, CommandHost } from "./command-host.ts";
import { askCommand } from "./commands/ask.ts";
import { compareCommand } from "./commands/compare.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { evalCommand } from "./commands/eval.ts";
import { ingestCommand } from "./commands/ingest.ts";
import { mcpCommand } from "./commands/mcp.ts";
import { modelsCommand } from "./commands/models.ts";
import { promptsCommand } from "./commands/prompts.ts";
import { reindexCommand } from "./commands/reindex.ts";
import { searchCommand } from "./commands/search.ts";
import { serveCommand } from "./commands/serve.ts";
import { storeCommand } from "./commands/store.ts";
import { tuneCommand } from "./commands/tune.ts";
import { verifyCommand } from "./commands/verify.ts";
import { watchCommand } from "./commands/watch.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit-codes.ts";
import { type Interruption, listenForInterruption } from "./interruption.ts";
import { Output } from "./output.ts";
import { plainText } from "./plain-text.ts";
import {
  CONFIG_FILE,
  CONFIG_VARIABLE,
  readSettings,
  SETTING_NAMES,
  type Settings,
} from "./settings.ts";
import { Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { Workspace } from "./workspace.ts";

/** Where a command line runs. */
export interface Surroundings {
  /** As `process.argv`. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

/** Flags that are settings of every command that has them, beside --config. */
const SHARED_SETTINGS = [
  "store",
  "cache",
  "model",
  "modelPrecision",
  "embedder",
  "embedderPrecision",
  "rerank",
  "reranker",
  "rerankDepth",
  "threads",
  "provider",
  "contextLength",
  "json",
  "quiet",
  "debug",
] as const;

/** Parses and runs; never throws. The exit code is left in `process.exitCode`. */
export async function runCommandLine(surroundings: Surroundings): Promise<void> {
  const output = new Output(process);
  const isDebug = surroundings.argv.includes("--debug");
  const program = buildProgram(hostFor(surroundings, output));
  try {
    await program.parseAsync([...surroundings.argv]);
  } catch (thrown) {
    // Commander has printed its own complaint, or the help or version asked for.
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
      return;
    }
    process.exitCode = exitCodeOf(thrown);
    process.stderr.write(`${describeError(thrown, isDebug)}\n`);
  }
}

function buildProgram(host: CommandHost): Command {
  const program = new Command("foreword")
    .description(
      "Answers questions from your own documents with a small local language model,\nmade better by training a few virtual tokens on your question-answer pairs.",
    )
    .version(VERSION)
    .option("--store <folder>", "documents, index and learned prompts (default: .foreword)")
    .option("--cache <folder>", "downloaded models (default: the system's cache folder)")
    .option("--model <name>", "generator: a name or a path (default: smollm2-135m-instruct)")
    .option(
      "--model-precision <precision>",
      "of a generator that is not in 4 or 8 bits: int8 or int4, smaller and faster (default: as stored)",
    )
    .option("--embedder <name>", "embedder: a name or a path (default: all-minilm-l6-v2)")
    .option("--embedder-precision <precision>", "f32, or int8: faster, less exact (default: f32)")
    .option("--threads <count>", "CPU threads for the generator (default: all cores)")
    .option(
      "--provider <name>",
      "where the generator runs: cpu, cuda, coreml, directml, webgpu (default: cpu)",
    )
    .option("--context-length <tokens>", "longest prompt and answer together")
    .option("--config <file>", `settings as JSON (default: ${CONFIG_FILE}, if there is one)`)
    .option("--json", "print one JSON object, or JSON lines, and nothing else on stdout")
    .option("--quiet", "no progress on stderr")
    .option("--debug", "log details, and show where an error comes from")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", PROGRAM_HELP);
  const commands = [
    ingestCommand(host),
    watchCommand(host),
    searchCommand(host),
    tuneCommand(host),
    askCommand(host),
    serveCommand(host),
    mcpCommand(host),
    evalCommand(host),
    compareCommand(host),
    modelsCommand(host),
    promptsCommand(host),
    storeCommand(host),
    reindexCommand(host),
    verifyCommand(host),
    doctorCommand(host),
  ];
  for (const command of commands) program.addCommand(command);
  return setUp(program, program.name());
}

const PROGRAM_HELP = `
Settings can also be variables (FOREWORD_MAX_TOKENS) or keys of ${CONFIG_FILE} (maxTokens):
${SETTING_NAMES.join(", ").replace(/(.{60,80}) /g, "$1\n")}.
All other flags are flags only, and an unknown FOREWORD_ variable is refused.
${CONFIG_VARIABLE} names another configuration file, as --config does.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files refused, 130 interrupted.

Example:
  foreword ingest docs/ && foreword ask "How long is the warranty?"
`;

/**
 * In every command: commander throws instead of ending the process, help shows the options of all commands, and a wrong usage is one
 * sentence that ends with what to do.
 */
function setUp(command: Command, called: string): Command {
  command.exitOverride().configureOutput({
    outputError: (text, write) => {
      const problem = text.replace(/^error: |[.\s]+$/g, "").replaceAll("\n", " ");
      write(`foreword: ${problem}; see ${called} --help.\n`);
    },
  });
  for (const one of command.commands) {
    setUp(one.copyInheritedSettings(command), `${called} ${one.name()}`);
  }
  return command;
}

/** Commands that do nothing but tell: without a reader they end. */
const FOR_READERS = ["search", "ask", "mcp", "ls", "show"];

function hostFor(surroundings: Surroundings, output: Output): CommandHost {
  return {
    run: async (command, flags, act) => {
      output.isForReader = FOR_READERS.includes(command.name());
      const settings = settingsOf(surroundings, command, flags);
      const terminal = new Terminal({
        stdout: output,
        stderr: process.stderr,
        json: settings.json,
        quiet: settings.quiet,
        color: !surroundings.environment.NO_COLOR,
      });
      process.exitCode = output.exitCode(await runAction({ settings, terminal, act }));
    },
  };
}

function settingsOf(
  { environment, platform, home }: Surroundings,
  command: Command,
  flags: Readonly<Record<string, unknown>>,
): Settings {
  const all = command.optsWithGlobals();
  // As of every variable, an empty one counts as not set.
  const named = all.config ?? (environment[CONFIG_VARIABLE] || undefined);
  const global = Object.fromEntries(SHARED_SETTINGS.map((name) => [name, all[name]]));
  return readSettings({
    flags: { ...global, ...flags },
    environment,
    configPath: named ?? CONFIG_FILE,
    isConfigRequired: named !== undefined,
    defaultCache: defaultCacheFolder(environment, platform, home),
  });
}

async function runAction(run: {
  readonly settings: Settings;
  readonly terminal: Terminal;
  readonly act: CommandAction;
}): Promise<ExitCode> {
  const { settings, terminal, act } = run;
  const interruption = listenForInterruption(process, () => terminal.clearLive());
  const { signal } = interruption;
  const workspace = new Workspace({ settings, terminal, signal });
  try {
    return (
      (await act({ settings, terminal, workspace, signal, endedBy: () => interruption.by })) ??
      EXIT.done
    );
  } catch (thrown) {
    terminal.clearLive();
    if (isInterruption(thrown, interruption)) {
      process.stderr.write("foreword: interrupted; nothing that was finished is lost.\n");
      return EXIT.interrupted;
    }
    process.stderr.write(`${describeError(thrown, settings.debug)}\n`);
    return exitCodeOf(thrown);
  } finally {
    await workspace.close();
    interruption.release();
  }
}

/** After the signal, whatever breaks breaks because of it. */
function isInterruption(thrown: unknown, { signal }: Interruption): boolean {
  return signal.aborted && !(thrown instanceof RagError && thrown.code === "file/write-failed");
}

/** Files are named without their folders, which say whose machine it is; `--debug` shows all. */
function describeError(thrown: unknown, isDebug: boolean): string {
  const isOurs = thrown instanceof RagError;
  const sentence = isOurs
    ? thrown.message
    : `${errorMessage(thrown)} (an unexpected failure; run again with --debug and report it).`;
  const stack = isDebug && thrown instanceof Error ? `\n${stacks(thrown)}` : "";
  return plainText(`foreword: ${isDebug ? sentence : withoutFolders(sentence)}${stack}`);
}

/** The stack of an error and of what caused it. */
function stacks(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${stacks(error.cause)}` : own;
}
