import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, type TestContext, test } from "node:test";
import { silentLog } from "../../core/index.ts";
import { runJob } from "../../pipeline/jobs/job-process.ts";
import type { JobEvent, JobRequest } from "../../pipeline/jobs/job-record.ts";
import { Jobs } from "../../pipeline/jobs/jobs.ts";
import type { Settings } from "../../pipeline/settings.ts";
import { uploadsFolder } from "../../pipeline/uploads.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { settingsOf } from "./settings-of.ts";

/** Fails soon: there is no such file. */
const tuneOn = (questions: string): JobRequest => ({
  kind: "tune",
  questions,
  settings: { name: "p" },
  testQuestions: 0,
});
/** A training that goes on until it is stopped. */
const ENDLESS: JobRequest = {
  kind: "tune",
  questions: "lamps.jsonl",
  settings: {
    name: "lamps",
    method: "prompt-tuning",
    tokens: 2,
    epochs: 1000,
    batch: 1,
    devShare: 0,
  },
  testQuestions: 0,
};

describe("the process of a job", () => {
  let folder: string;
  let settings: Settings;
  const never = new AbortController().signal;
  const order = (request: JobRequest) => ({ settings, request, isResumed: false });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-job-process-"));
    settings = settingsOf(folder, {
      store: join(folder, "store"),
      model: dirname(await writeTinyModel(folder)),
      embedder: join(folder, "no-embedder"),
    });
    const uploads = uploadsFolder(settings.store, "questions");
    await mkdir(uploads, { recursive: true });
    const pairs = Array.from({ length: 200 }, (_, index) => ({
      input: `Lamp ${index}`,
      output: index % 2 ? "red" : "green",
    }));
    const lines = pairs.map((pair) => JSON.stringify(pair));
    await writeFile(join(uploads, "lamps.jsonl"), lines.join("\n"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("what it says last comes whole, however large it is and busy the server", async () => {
    // Its name is in the message.
    const name = "q".repeat(1_000_000);
    const busy = setInterval(
      () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300),
      10,
    );
    try {
      await assert.rejects(
        runJob(order(tuneOn(name)), () => {}, never),
        (thrown: Error) => {
          assert.ok(thrown.message.includes(name), thrown.message.slice(0, 200));
          return true;
        },
      );
    } finally {
      clearInterval(busy);
    }
  });

  test("does nothing while that of an earlier job is still there", async () => {
    const stop = new AbortController();
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const earlier = runJob(order(ENDLESS), ({ event }) => event === "step" && begin(), stop.signal);
    await begun;
    const told: JobEvent[] = [];
    const later = assert.rejects(
      runJob(order(tuneOn("gone.jsonl")), (event) => told.push(event), never),
      /gone\.jsonl/,
    );
    // In another store the same, started after it, comes to its end.
    const elsewhere = { ...settings, store: join(folder, "other") };
    const other = runJob({ ...order(tuneOn("gone.jsonl")), settings: elsewhere }, () => {}, never);
    await assert.rejects(other, /gone\.jsonl/);
    assert.deepEqual(told, []);
    stop.abort();
    await assert.rejects(earlier, { name: "AbortError" });
    await later;
    assert.deepEqual(told, [{ event: "loading" }]);
  });

  test("ends without a word when its server is killed, and the next server goes on with the job", async (t) => {
    const server = startServer(t, settings);
    const said = text(server.stderr);
    const [id] = await once(server.stdout.setEncoding("utf8"), "data");
    server.kill("SIGKILL");
    const jobs = new Jobs(settings, silentLog);
    t.after(() => jobs.close());
    await jobs.start();
    let loaded = 0;
    for await (const { event } of jobs.follow(String(id), never)) {
      if (event === "loading") loaded++;
      if (loaded === 2) break;
    }
    const { state, starts, crashes } = await jobs.get(String(id));
    assert.deepEqual({ state, starts, crashes }, { state: "running", starts: 2, crashes: 1 });
    // It ends with the last process that can write to it.
    assert.equal(await said, "");
  });
});

/** A server's jobs in a process of their own, which tells the id of one when that has begun. */
function startServer(t: TestContext, settings: Settings) {
  const pipeline = (name: string) => JSON.stringify(import.meta.resolve(`../../pipeline/${name}`));
  const code = `
    const { Jobs } = await import(${pipeline("jobs/jobs.ts")});
    const { silentLog } = await import(${JSON.stringify(import.meta.resolve("../../core/index.ts"))});
    const jobs = new Jobs(${JSON.stringify(settings)}, silentLog);
    await jobs.start();
    const { id } = await jobs.create(${JSON.stringify(ENDLESS)});
    for await (const { event } of jobs.follow(id, new AbortController().signal)) {
      if (event === "step") process.stdout.write(id);
      if (event === "step") break;
    }
    setInterval(() => {}, 1000);`;
  const server = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", code],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  t.after(() => server.kill("SIGKILL"));
  return server;
}
