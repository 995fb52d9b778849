import assert from "node:assert/strict";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { JobEvent, JobRun, TuneRequest } from "../../pipeline/jobs/job-record.ts";
import { runTune } from "../../pipeline/jobs/run-tune.ts";
import { uploadsFolder } from "../../pipeline/uploads.ts";
import { loadPrompt } from "../../ptuning/index.ts";
import { openTinyGenerator } from "../ptuning/tiny-generator.ts";
import { tinyPairs, tinyRetrieve } from "../ptuning/tiny-pairs.ts";

test("a job that goes on from a damaged checkpoint, or another run's, begins anew and tells so", async (t) => {
  const { generator, storeFolder: store, close } = await openTinyGenerator();
  t.after(close);
  const uploads = uploadsFolder(store, "questions");
  await mkdir(uploads, { recursive: true });
  // So few that none is kept out to compare with.
  const lines = tinyPairs.slice(0, 8).map((pair) => JSON.stringify(pair));
  await writeFile(join(uploads, "qa.jsonl"), lines.join("\n"));

  /** Runs the job; `isBrokenOff`: until its first checkpoint. */
  const run = async (
    settings: TuneRequest["settings"],
    how: { isResumed: boolean; isBrokenOff?: boolean },
  ) => {
    const events: JobEvent[] = [];
    const abort = new AbortController();
    const shared = { name: "job", tokens: 2, epochs: 2, batch: 4, devShare: 0, checkpointSteps: 1 };
    const request = {
      ...{ kind: "tune" as const, questions: "qa.jsonl", testQuestions: 0 },
      settings: { ...shared, ...settings },
    };
    // Only what is used of them.
    const parts = {
      settings: { store },
      workspace: {
        requireDocuments: async () => {},
        generator: async () => generator,
        retrieveMany: tinyRetrieve,
      },
      signal: abort.signal,
      tell: (event: JobEvent) => {
        events.push(event);
        if (how.isBrokenOff && event.event === "checkpoint") abort.abort();
      },
    } as unknown as JobRun;
    const ended = runTune(request, how.isResumed, parts);
    await (how.isBrokenOff ? assert.rejects(ended, { name: "AbortError" }) : ended);
    return events.filter(({ event }) => event === "anew").map(({ problem }) => problem);
  };

  assert.deepEqual(await run({}, { isResumed: false, isBrokenOff: true }), []);
  assert.deepEqual(await run({}, { isResumed: true, isBrokenOff: true }), []);
  const [other, ...more] = await run({ seed: 2 }, { isResumed: true, isBrokenOff: true });
  assert.match(String(other), /"job": it was begun with other settings/);
  assert.deepEqual(more, []);
  await truncate(join(store, "training/job/training/state.safetensors"), 100);
  const [damaged] = await run({ seed: 2 }, { isResumed: true });
  assert.match(String(damaged), /"job": training\/state\.safetensors is damaged/);
  assert.equal((await loadPrompt(store, "job")).about.training.isFinished, true);
});
