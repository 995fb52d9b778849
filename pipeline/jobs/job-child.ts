import { errorMessage } from "../../core/index.ts";
import { quietWorkspace } from "../quiet-workspace.ts";

import type { JobOrder } from "./job-process.ts";
import type { ChildMessage, JobRun } from "./job-record.ts";
import { runIngest } from "./run-ingest.ts";
import { runTune } from "./run-tune.ts";

const controller = new AbortController();
// Ctrl-C in a terminal reaches every process of the group; the server decides what becomes of its jobs.
process.on("SIGINT", () => {});
process.on("disconnect", () => controller.abort());
process.once("message", (order: JobOrder) => {
  process.on("message", () => controller.abort());
  void work(order).then(() => process.disconnect());
});

async function work({ settings, request, isResumed }: JobOrder): Promise<void> {
  const { signal } = controller;
  const workspace = quietWorkspace(settings, signal);
  const run: JobRun = {
    settings,
    workspace,
    signal,
    tell: (event) => tell({ kind: "event", event }),
  };
  try {
    const result =
      request.kind === "ingest"
        ? await runIngest(request, run)
        : await runTune(request, isResumed, run);
    tell({ kind: "result", result });
  } catch (thrown) {
    if (!signal.aborted) tell({ kind: "error", message: errorMessage(thrown) });
  } finally {
    await workspace.close();
  }
}

function tell(message: ChildMessage): void {
  if (process.connected) process.send!(message);
}
