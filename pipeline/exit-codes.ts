import { type ErrorCode, RagError } from "../core/index.ts";

/** What a command's exit code says. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Wrong usage or configuration: nothing was started. */
  usage: 2,
  /** Some files were refused; they are named. */
  partlyDone: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const { failed, usage } = EXIT;

/** The one table from error code to exit code. */
const EXIT_CODES: Readonly<Record<ErrorCode, ExitCode>> = {
  "config/invalid": usage,
  "file/not-found": failed,
  "file/unreadable": failed,
  "file/unsupported": failed,
  "file/invalid": failed,
  "file/too-large": failed,
  "file/locked": failed,
  "file/write-failed": failed,
  "model/unknown": usage,
  "model/unavailable": failed,
  "model/checksum": failed,
  "model/invalid": failed,
  "model/unsupported": failed,
  "graph/shape": failed,
  "graph/unsupported": failed,
  "engine/failed": failed,
  "context/overflow": failed,
  "store/empty": failed,
  "store/invalid": failed,
  "store/mismatch": failed,
  "prompt/not-found": failed,
  "prompt/invalid": failed,
  "prompt/mismatch": failed,
  "qa/invalid": failed,
  "train/diverged": failed,
  "server/port-in-use": failed,
  "request/invalid": usage,
  "request/unsupported": usage,
  "request/not-found": failed,
  "request/unauthorized": failed,
  "request/forbidden": failed,
  "request/too-large": failed,
  "request/conflict": failed,
  "server/busy": failed,
  "server/unavailable": failed,
  internal: failed,
};

/** The exit code of whatever a command threw. */
export function exitCodeOf(thrown: unknown): ExitCode {
  return thrown instanceof RagError ? EXIT_CODES[thrown.code] : EXIT.failed;
}
