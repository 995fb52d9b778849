import type { Command } from "commander";
import type { ExitCode } from "./exit-codes.ts";
import type { EndSignal } from "./interruption.ts";
import type { Settings } from "./settings.ts";
import type { Terminal } from "./terminal.ts";
import type { Workspace } from "./workspace.ts";

/** What a command works with. */
export interface CommandContext {
  readonly settings: Settings;
  readonly terminal: Terminal;
  readonly workspace: Workspace;
  /** Aborted by Ctrl-C or a polite kill. */
  readonly signal: AbortSignal;
  /** Which of them it was, once aborted. */
  readonly endedBy: () => EndSignal | undefined;
}

/** What a command does; the exit code is 0 unless it says otherwise. */
export type CommandAction = (context: CommandContext) => Promise<ExitCode> | Promise<void>;

/** Runs a command's action with settings, signals, clean-up and errors taken care of. */
export interface CommandHost {
  /** `flags`: those of the command that are settings too, by setting name. */
  run(
    command: Command,
    flags: Readonly<Record<string, unknown>>,
    act: CommandAction,
  ): Promise<void>;
}

/** The example that ends a command's help. */
export function withExample(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExample:\n${lines.map((line) => `  ${line}\n`).join("")}`);
}
