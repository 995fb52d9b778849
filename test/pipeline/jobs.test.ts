import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { silentLog } from "../../core/index.ts";
import type { JobRequest } from "../../pipeline/jobs/job-record.ts";
import { Jobs } from "../../pipeline/jobs/jobs.ts";
import { readSettings, type Settings } from "../../pipeline/settings.ts";

/** Fails soon: there is no such file, and no model is loaded for it. */
const REQUEST: JobRequest = {
  kind: "tune",
  questions: "gone.jsonl",
  settings: { name: "p" },
  testQuestions: 0,
};
const DEADLINE_MS = 60_000;

let store = "";
let settings: Settings;
const opened: Jobs[] = [];
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), "foreword-jobs-"));
  settings = readSettings({
    flags: { store },
    environment: {},
    configPath: join(store, "none.json"),
    isConfigRequired: false,
    defaultCache: join(store, "cache"),
  });
});
afterEach(async () => {
  for (const jobs of opened.splice(0)) await jobs.close();
  await rm(store, { recursive: true, force: true });
});

const openJobs = async () => {
  const jobs = new Jobs(settings, silentLog);
  opened.push(jobs);
  await jobs.start();
  return jobs;
};

/** Resolves when a job has this state. */
const until = async (jobs: Jobs, id: string, state: string) => {
  const deadline = Date.now() + DEADLINE_MS;
  while (jobs.get(id).state !== state) {
    assert.ok(Date.now() < deadline, `the job is ${jobs.get(id).state}, not ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return jobs.get(id);
};

test("a job that fails says why, and the next server still knows it", async () => {
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  assert.match((await until(jobs, id, "failed")).error!, /gone\.jsonl/);
  await jobs.close();
  assert.equal((await openJobs()).get(id).state, "failed");
});

test("nobody can listen to a job that there is not, and be remembered for it", async () => {
  const jobs = await openJobs();
  assert.throws(() => jobs.listen("job-0001", () => {}), { code: "request/not-found" });
});

test("a job of a server that is nicer than jobs are stays as nice, and runs where the system refuses a priority", async (context) => {
  const asked: number[] = [];
  context.mock.method(os, "getPriority", () => 12);
  context.mock.method(os, "setPriority", (_: number, niceness: number) => {
    asked.push(niceness);
    throw Object.assign(new Error("setPriority EACCES"), { code: "EACCES" });
  });
  syncBuiltinESMExports();
  try {
    const jobs = await openJobs();
    const { id } = await jobs.create(REQUEST);
    assert.match((await until(jobs, id, "failed")).error!, /gone\.jsonl/);
    assert.deepEqual(asked, [12]);
  } finally {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test("files that a system puts into the folder are no jobs", async () => {
  await mkdir(join(store, "jobs"));
  await writeFile(join(store, "jobs", ".DS_Store"), "x");
  assert.deepEqual((await openJobs()).list(), []);
});

test("a job whose events cannot be kept goes on to its end", async () => {
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  await eventually(async () => assert.match(await readRecord(id), /"running"/));
  // Before the job's process tells anything.
  await rm(join(store, "jobs", id), { recursive: true });
  assert.match((await until(jobs, id, "failed")).error!, /gone\.jsonl/);
});

test("of two servers on a store one runs its jobs, and the other takes over when it ends", async () => {
  const first = await openJobs();
  const { id } = await first.create(REQUEST);
  const second = await openJobs();
  await assert.rejects(second.create(REQUEST), {
    code: "request/conflict",
    message: /another server runs the jobs/,
  });
  await assert.rejects(second.stop(id), { code: "request/conflict" });
  await until(first, id, "failed");
  await first.close();
  await until(second, id, "failed");
  const next = await eventually(() => second.create(REQUEST));
  await until(second, next.id, "failed");
  assert.equal(JSON.parse(await readRecord(id)).starts, 1);
});

const readRecord = (id: string) => readFile(join(store, "jobs", id, "job.json"), "utf8");

/** Tries again until it works. */
async function eventually<Result>(work: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
