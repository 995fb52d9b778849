import { type ChildProcess, fork } from "node:child_process";
import { getPriority, setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { RagError, systemReason } from "../../core/index.ts";
import { workerModule } from "../../runtime/index.ts";
import type { Settings } from "../settings.ts";
import type { ChildMessage, JobEvent, JobRequest } from "./job-record.ts";

/** What is handed to a job's process at its start. */
export interface JobOrder {
  readonly settings: Settings;
  readonly request: JobRequest;
  /** It ran before and was stopped. */
  readonly isResumed: boolean;
}

/** Answers come first, but a job still gets on beside a busy machine. 0 is like everything else, 19 only what nobody wants. */
const JOB_NICENESS = 5;
/** How long a job may take to save its state once it is to stop. */
export const STOP_MS = 5000;

/**
 * Runs a job in a process of its own, with less of the processor than answers get: what crashes or blocks it is no concern of the
 * server. Resolves with its result.
 * @throws RagError engine/failed when the process dies, internal with what the job said; the signal's reason when stopped
 */
export function runJob(
  order: JobOrder,
  onEvent: (event: JobEvent) => void,
  signal: AbortSignal,
): Promise<unknown> {
  const child = startChild();
  return new Promise((resolve, reject) => {
    const stop = () => stopChild(child);
    const settle = (act: () => void) => {
      signal.removeEventListener("abort", stop);
      act();
    };
    child.on("message", (message: ChildMessage) => {
      if (message.kind === "event") onEvent(message.event);
      else if (message.kind === "result") settle(() => resolve(message.result));
      else settle(() => reject(new RagError("internal", message.message)));
    });
    // Not "exit", which may come before what it said last has been read.
    child.once("close", (code, killedBy) =>
      settle(() =>
        reject(
          signal.aborted
            ? signal.reason
            : new RagError(
                "engine/failed",
                `the job's process ended with ${killedBy ?? `code ${code}`}; resume it to try again.`,
              ),
        ),
      ),
    );
    const fail = (cause: unknown) => {
      // Nobody listens to it any more.
      child.kill("SIGKILL");
      settle(() => reject(failed(cause)));
    };
    // Not once: a kill that is refused comes here, too.
    child.on("error", fail);
    // To a process that could not be started nothing is sent.
    child.once("spawn", () => {
      child.send(order, (cause) => cause && fail(cause));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
  });
}

function startChild(): ChildProcess {
  const module = workerModule("job-child", import.meta.url);
  // A checkout runs TypeScript through tsx.
  const loader = module.pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
  const child = fork(fileURLToPath(module), [], {
    execArgv: loader,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  if (child.pid !== undefined) makeNice(child.pid);
  return child;
}

/** A job of a server that is nicer already stays as nice as that: only an administrator may make a process less so. */
function makeNice(pid: number): void {
  try {
    setPriority(pid, Math.max(JOB_NICENESS, getPriority()));
  } catch {
    // A courtesy to those who ask: where the system refuses it, the job runs as the server does.
  }
}

const failed = (cause: unknown): RagError =>
  new RagError(
    "engine/failed",
    `the job's process failed (${systemReason(cause)}); resume it to try again.`,
    { cause },
  );

function stopChild(child: ChildProcess): void {
  // A process that is no longer there has stopped.
  if (child.connected) child.send({ kind: "stop" }, () => {});
  const kill = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.once("exit", () => clearTimeout(kill));
}
