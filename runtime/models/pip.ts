import { spawn } from "node:child_process";
import { errorMessage, systemCode } from "../../core/index.ts";

/** A program and its first arguments: `["python3", "-m", "pip"]`. */
export type PipCommand = readonly [string, ...string[]];

/** The ways pip is called on the usual systems, tried in this order. */
export const PIP_COMMANDS: readonly PipCommand[] = [
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["pip3"],
  ["pip"],
  ["py", "-m", "pip"],
];

/** What is kept of a program's output. */
const MAX_OUTPUT_CHARACTERS = 8_192;
/** How long an interrupted pip may take to clean up. */
const INTERRUPT_MS = 3_000;

export interface PipRun {
  readonly command: PipCommand;
  readonly arguments: readonly string[];
  /** Must not hold Python files of others: `-m` looks for modules here first. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onOutput?: (text: string) => void;
}

export interface PipResult {
  readonly exitCode: number;
  /** The end of stdout and of stderr. */
  readonly output: string;
  readonly errors: string;
}

/**
 * Runs pip without a shell; ends it when the signal aborts.
 * @returns undefined when there is no such program
 */
export async function runPip(run: PipRun): Promise<PipResult | undefined> {
  run.signal.throwIfAborted();
  const [program, ...first] = run.command;
  const child = spawn(program, [...first, ...run.arguments], {
    cwd: run.folder,
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    // An interrupt lets pip remove its own temporary files; being ended does not.
    child.kill("SIGINT");
    killTimer = setTimeout(() => child.kill("SIGKILL"), INTERRUPT_MS);
  };
  run.signal.addEventListener("abort", stop, { once: true });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-MAX_OUTPUT_CHARACTERS);
    run.onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-MAX_OUTPUT_CHARACTERS);
  });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? 1));
    });
    run.signal.throwIfAborted();
    return { exitCode, output, errors };
  } catch (thrown) {
    run.signal.throwIfAborted();
    if (systemCode(thrown) === "ENOENT") return undefined;
    return { exitCode: 1, output, errors: errorMessage(thrown) };
  } finally {
    clearTimeout(killTimer);
    run.signal.removeEventListener("abort", stop);
  }
}

/** The first pip that runs, and its version as [major, minor]. */
export async function findPip(
  commands: readonly PipCommand[],
  folder: string,
  signal: AbortSignal,
): Promise<{ command: PipCommand; version: readonly [number, number] } | undefined> {
  for (const command of commands) {
    const result = await runPip({ command, arguments: ["--version"], folder, signal });
    const found = /^pip (\d+)\.(\d+)/.exec(result?.output ?? "");
    if (result?.exitCode === 0 && found !== null) {
      return { command, version: [Number(found[1]), Number(found[2])] };
    }
  }
  return undefined;
}
