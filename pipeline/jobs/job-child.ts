import { errorMessage } from "../../core/index.ts";
import { quietWorkspace } from "../quiet-workspace.ts";
import { type JobOrder, STOP_MS } from "./job-process.ts";
import type { ChildMessage, JobRun } from "./job-record.ts";
import { JobStore } from "./job-store.ts";
import { runIngest } from "./run-ingest.ts";
import { runTune } from "./run-tune.ts";

const controller = new AbortController();
// Ctrl-C in a terminal reaches every process of the group; the server decides what becomes of its jobs.
process.on("SIGINT", () => {});
process.on("disconnect", abandon);
// The server may be gone before this module is loaded.
if (!process.connected) abandon();
process.once("message", (order: JobOrder) => {
  process.on("message", () => controller.abort());
  void work(order).then(() => {
    if (process.connected) process.disconnect();
  });
});

/** Nobody waits for this process any more: it saves its state, in no more time than a server gives it. */
function abandon(): void {
  controller.abort();
  setTimeout(() => process.kill(process.pid, "SIGKILL"), STOP_MS).unref();
}

async function work(order: JobOrder): Promise<void> {
  const { signal } = controller;
  try {
    await new JobStore(order.settings.store).asOnlyChild(() => run(order, signal), signal);
  } catch (thrown) {
    if (!signal.aborted) await tell({ kind: "error", message: errorMessage(thrown) });
  }
}

async function run({ settings, request, isResumed }: JobOrder, signal: AbortSignal): Promise<void> {
  const workspace = quietWorkspace(settings, signal);
  const parts: JobRun = {
    settings,
    workspace,
    signal,
    tell: (event) => void tell({ kind: "event", event }),
  };
  try {
    const result =
      request.kind === "ingest"
        ? await runIngest(request, parts)
        : await runTune(request, isResumed, parts);
    await tell({ kind: "result", result });
  } finally {
    await workspace.close();
  }
}

/**
 * Resolves when the message, and so every one before it, is with the system: what this process still holds when it lets go of the channel
 * is lost, which is most of a large message while the server is busy. To a server that is gone nothing is told.
 */
function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send!(message, undefined, undefined, () => resolve());
  });
}
