import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, type TestContext, test } from "node:test";
import { aborted, type Log, RagError, silentLog } from "../../core/index.ts";
import type { JobEvent, JobRecord, JobRequest } from "../../pipeline/jobs/job-record.ts";
import { JobStore } from "../../pipeline/jobs/job-store.ts";
import { Jobs } from "../../pipeline/jobs/jobs.ts";
import type { Settings } from "../../pipeline/settings.ts";
import { settingsOf } from "./settings-of.ts";

/** Fails soon: there is no such file, and no model is loaded for it. */
const REQUEST: JobRequest = {
  kind: "tune",
  questions: "gone.jsonl",
  settings: { name: "p" },
  testQuestions: 0,
};
const DEADLINE_MS = 180_000;

let store = "";
let settings: Settings;
const opened: Jobs[] = [];
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), "foreword-jobs-"));
  settings = settingsOf(store, { store });
});
afterEach(async () => {
  for (const jobs of opened.splice(0)) await jobs.close();
  await rm(store, { recursive: true, force: true });
});

const openJobs = async (log: Log = silentLog) => {
  const jobs = new Jobs(settings, log);
  opened.push(jobs);
  await jobs.start();
  return jobs;
};

/** Resolves when a job has this state. */
const until = async (jobs: Jobs, id: string, state: JobRecord["state"]) => {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const job = await jobs.get(id);
    if (job.state === state) return job;
    assert.ok(Date.now() < deadline, `the job is ${job.state}, not ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** As if the process of an earlier job were still there, so that the next begins only when it is let go. */
async function holdChild(t: TestContext): Promise<{ letGo(): void }> {
  const hold = new AbortController();
  await new Promise<void>((resolve, reject) => {
    const work = () => {
      resolve();
      return aborted(hold.signal);
    };
    new JobStore(store).asOnlyChild(work, hold.signal).catch(reject);
  });
  t.after(() => hold.abort());
  return { letGo: () => hold.abort() };
}

const everything = async (jobs: Jobs, id: string): Promise<JobEvent[]> => {
  const events: JobEvent[] = [];
  const { signal } = new AbortController();
  for await (const event of jobs.follow(id, signal)) events.push(event);
  return events;
};

const readRecord = async (id: string): Promise<JobRecord> =>
  JSON.parse(await readFile(join(store, "jobs", id, "job.json"), "utf8"));

/** A job of a server that is gone. */
const leave = async (job: Partial<JobRecord> & { readonly id: string }) => {
  const record: JobRecord = {
    request: REQUEST,
    state: "running",
    createdAt: new Date(0).toISOString(),
    endedAt: null,
    starts: 1,
    crashes: 0,
    result: null,
    error: null,
    ...job,
  };
  await new JobStore(store).save(record);
};

test("a job that fails says why, and the next server still knows it", async () => {
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  assert.match((await until(jobs, id, "failed")).error!, /gone\.jsonl/);
  await jobs.close();
  assert.equal((await (await openJobs()).get(id)).state, "failed");
});

test("a job that there is not cannot be followed, on its owner or another server", async () => {
  for (const jobs of [await openJobs(), await openJobs()]) {
    for (const id of ["job-0001", "..", "../jobs"]) {
      await assert.rejects(everything(jobs, id), { code: "request/not-found" });
    }
  }
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

test("a job whose process cannot be started fails with a word, and the next one runs", async (t) => {
  const node = process.execPath;
  t.after(() => {
    process.execPath = node;
  });
  const jobs = await openJobs();
  process.execPath = join(store, "replaced");
  const first = await jobs.create(REQUEST);
  assert.match(
    (await until(jobs, first.id, "failed")).error!,
    /^the job's process failed \(ENOENT\); resume it/,
  );
  process.execPath = node;
  const second = await jobs.create(REQUEST);
  assert.match((await until(jobs, second.id, "failed")).error!, /gone\.jsonl/);
});

test("files that a system puts into the folder are no jobs", async () => {
  await mkdir(join(store, "jobs"));
  await writeFile(join(store, "jobs", ".DS_Store"), "x");
  assert.deepEqual(await (await openJobs()).list(), []);
});

test("a job whose events cannot be kept goes on to its end", async (t) => {
  const hold = await holdChild(t);
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "running");
  // Before the job's process tells anything.
  await rm(join(store, "jobs", id), { recursive: true });
  hold.letGo();
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
  assert.equal((await readRecord(id)).starts, 1);
});

test("a server that does not run the jobs shows what the other does with them", async (t) => {
  const hold = await holdChild(t);
  const first = await openJobs();
  const early = await first.create(REQUEST);
  await until(first, early.id, "running");
  const second = await openJobs();
  const late = await first.create(REQUEST);
  assert.deepEqual(
    (await second.list()).map(({ id, state }) => [id, state]),
    [
      [late.id, "waiting"],
      [early.id, "running"],
    ],
  );
  const following = everything(second, early.id);
  hold.letGo();
  const told = await following;
  assert.deepEqual(
    told.filter(({ event }) => event !== "state").map(({ event, number }) => [event, number]),
    [["loading", 0]],
  );
  assert.deepEqual(told.at(-1), { event: "state", state: "failed" });
  assert.deepEqual(
    (await everything(first, early.id)).map(({ event }) => event),
    ["loading", "state"],
  );
  await until(second, late.id, "failed");
});

test("what its user stopped stays stopped, although the server ends meanwhile", async (t) => {
  await holdChild(t);
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "running");
  await Promise.all([jobs.stop(id), jobs.close()]);
  assert.equal((await readRecord(id)).state, "stopped");
  assert.equal((await (await openJobs()).get(id)).state, "stopped");
});

test("a job is written down as stopped before its process is asked", async (t) => {
  await holdChild(t);
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "running");
  const stopping = jobs.stop(id);
  await until(jobs, id, "stopped");
  assert.equal((await readRecord(id)).state, "stopped");
  // Its process is still there: it goes on when that has ended.
  assert.equal((await jobs.resume(id)).state, "waiting");
  await stopping;
  await until(jobs, id, "running");
});

test("a restart of the server does not count against a job, however often it was started", async (t) => {
  await leave({ id: "job-0001", state: "waiting", starts: 9 });
  await holdChild(t);
  const jobs = await openJobs();
  await until(jobs, "job-0001", "running");
  await jobs.close();
  const { state, starts, crashes } = await readRecord("job-0001");
  assert.deepEqual({ state, starts, crashes }, { state: "waiting", starts: 10, crashes: 0 });
  await until(await openJobs(), "job-0001", "running");
});

test("a job during which servers keep crashing is given up with a word, until its user lets it go on", async () => {
  await leave({ id: "job-0001", crashes: 1 });
  await leave({ id: "job-0002", crashes: 2 });
  const logged: object[] = [];
  const note = (fields: object) => void logged.push(fields);
  const jobs = await openJobs({ ...silentLog, warn: note, error: note });
  assert.deepEqual(logged, [
    { job: "job-0001", crashes: 2 },
    { job: "job-0002", crashes: 3 },
  ]);
  const given = await jobs.get("job-0002");
  assert.equal(given.state, "failed");
  assert.match(given.error!, /ended 3 times while this job ran/);
  assert.match((await until(jobs, "job-0001", "failed")).error!, /gone\.jsonl/);
  assert.equal((await jobs.resume("job-0002")).crashes, 0);
  assert.match((await until(jobs, "job-0002", "failed")).error!, /gone\.jsonl/);
});

test("a job that could not be written down is none", async (t) => {
  const jobs = await openJobs();
  const full = new RagError("file/write-failed", "the disk is full.");
  const save = t.mock.method(JobStore.prototype, "save", () => Promise.reject(full));
  await assert.rejects(jobs.create(REQUEST), full);
  save.mock.restore();
  assert.deepEqual(await jobs.list(), []);
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "failed");
  const kept = await readdir(join(store, "jobs"));
  assert.deepEqual(kept.sort(), [".child", ".owner", id]);
});

test("jobs that could not be taken up are when someone asks again, and until then the reason is told", async (t) => {
  await leave({ id: "job-0001" });
  const full = new RagError("file/write-failed", "the disk is full.");
  const save = t.mock.method(JobStore.prototype, "save", () => Promise.reject(full));
  const jobs = await openJobs();
  assert.equal((await jobs.list()).length, 1);
  await assert.rejects(jobs.create(REQUEST), full);
  await assert.rejects(jobs.stop("job-0001"), full);
  save.mock.restore();
  const created = await Promise.all([jobs.create(REQUEST), jobs.create(REQUEST)]);
  for (const { id } of created) await until(jobs, id, "failed");
  assert.match((await until(jobs, "job-0001", "failed")).error!, /gone\.jsonl/);
});

test("of jobs that wait there are at most fifty", async (t) => {
  await holdChild(t);
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "running");
  const waiting = await Promise.all(Array.from({ length: 50 }, () => jobs.create(REQUEST)));
  const refusal = { code: "server/busy", message: /^50 jobs are waiting already/ };
  await assert.rejects(jobs.create(REQUEST), refusal);
  const stopped = await jobs.stop(waiting[0]!.id);
  const { id: last } = await jobs.create(REQUEST);
  await assert.rejects(jobs.resume(stopped.id), refusal);
  await jobs.stop(last);
  assert.equal((await jobs.resume(stopped.id)).state, "waiting");
});

test("a job whose end could not be written down is not started again by this server", async (t) => {
  const hold = await holdChild(t);
  const jobs = await openJobs();
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "running");
  const full = new RagError("file/write-failed", "the disk is full.");
  t.mock.method(JobStore.prototype, "save", () => Promise.reject(full));
  hold.letGo();
  assert.match((await until(jobs, id, "failed")).error!, /gone\.jsonl/);
  assert.equal((await readRecord(id)).state, "running");
});

test("of what is written about a job the newest stays, however long the disk took", async (t) => {
  await holdChild(t);
  const jobs = await openJobs();
  const slow = new AbortController();
  const save = JobStore.prototype.save;
  const states: string[] = [];
  t.mock.method(JobStore.prototype, "save", async function (this: JobStore, job: JobRecord) {
    if (job.state === "running") await aborted(slow.signal);
    await save.call(this, job);
    states.push(job.state);
  });
  const { id } = await jobs.create(REQUEST);
  const stopping = jobs.stop(id);
  slow.abort();
  await stopping;
  assert.deepEqual(states, ["waiting", "running", "stopped"]);
  assert.equal((await readRecord(id)).state, "stopped");
});

test("the newest hundred jobs that have ended are kept", async (t) => {
  for (let index = 0; index < 102; index++) {
    const endedAt = new Date(index * 1000).toISOString();
    const id = `job-${String(index).padStart(4, "0")}`;
    await leave({ id, state: index % 2 ? "done" : "stopped", endedAt, createdAt: endedAt });
  }
  const hold = await holdChild(t);
  const jobs = await openJobs();
  const oldest = async () => (await jobs.list()).at(-1)!.id;
  assert.equal(await oldest(), "job-0002");
  const { id } = await jobs.create(REQUEST);
  await until(jobs, id, "running");
  assert.equal(await oldest(), "job-0002");
  hold.letGo();
  await until(jobs, id, "failed");
  await eventually(async () => assert.equal(await oldest(), "job-0003"));
  const kept = await readdir(join(store, "jobs"));
  assert.equal(kept.filter((name) => !name.startsWith(".")).length, 100);
});

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
