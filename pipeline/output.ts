import { systemCode, systemReason } from "../core/index.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { OutputStream } from "./terminal.ts";

/** The part of the process that is written to and ended. */
export interface OutputProcess {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  exitCode?: NodeJS.Process["exitCode"];
  exit(code: number): never;
}

/**
 * Standard output that may break: its reader goes away (`| head`), or its disk is full. What works for the reader alone ends then; what
 * trains or writes a store goes on without a word and ends with its own exit code.
 */
export class Output implements OutputStream {
  /** Whether the command does nothing but tell: so do help and version, before any command. */
  isForReader = true;
  readonly #process: OutputProcess;
  #isGone = false;
  #hasFailed = false;

  constructor(process: OutputProcess) {
    this.#process = process;
    process.stdout.on("error", (error) => this.#onError(error));
    // There is nowhere left to say it, and what is told there is beside the work.
    process.stderr.on("error", () => {});
  }

  get isTTY(): boolean {
    return this.#process.stdout.isTTY === true;
  }

  write(text: string): boolean {
    return this.#isGone || this.#process.stdout.write(text);
  }

  /** The exit code of a command that ended with `code`: a result that was not written is a failure. */
  exitCode(code: ExitCode): ExitCode {
    return this.#hasFailed && code === EXIT.done ? EXIT.failed : code;
  }

  #onError(error: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const code = systemCode(error);
    // A reader that went away is no failure.
    this.#hasFailed = code !== "EPIPE";
    if (this.#hasFailed) {
      this.#process.stderr.write(
        `foreword: standard output: could not be written (${systemReason(error)}); check the space and permissions of where it goes.\n`,
      );
      // Should the command have ended before.
      this.#process.exitCode = this.exitCode(EXIT.done);
    }
    if (this.isForReader) this.#process.exit(this.exitCode(EXIT.done));
  }
}
