import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JobEvent } from "../../pipeline/jobs/job-record.ts";
import type { PageParts } from "../../pipeline/server/app.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { serveFor } from "./served.ts";

type Hear = (event: JobEvent) => void;

/** One job whose events are told and read as a test wants. */
class FakeJob {
  readonly id = "job-0001";
  state = "running";
  hear: Hear | undefined;
  readPast: () => Promise<readonly JobEvent[]> = async () => [];

  list = () => [];
  get = () => ({ id: this.id, state: this.state });
  events = () => this.readPast();
  listen = (_id: string, listener: Hear) => {
    this.hear = listener;
    return () => {
      this.hear = undefined;
    };
  };

  end(): void {
    this.state = "done";
    this.hear?.({ event: "state", state: "done" });
  }
}

async function serveJob(t: TestContext, job: FakeJob) {
  const page = { store: "none", view: {}, jobs: job } as unknown as PageParts;
  const served = await serveFor(t, new FakeAnswerer(), { page });
  const open = () => fetch(`${served.url}/api/jobs/${job.id}/events`);
  return { ...served, open };
}

const told = (text: string): JobEvent[] =>
  text
    .trimEnd()
    .split("\n\n")
    .map((line) => JSON.parse(line.replace(/^data: /, "")) as JobEvent);
const step = (number: number): JobEvent => ({ event: "step", number });

test("a job that ends while its past is read is told whole, and ends the stream once", async (t) => {
  const job = new FakeJob();
  const past = Array.from({ length: 50 }, (_, number) => step(number));
  job.readPast = async () => {
    for (const number of [49, 50]) job.hear?.(step(number));
    job.end();
    // Time for an end that was written too early.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    return past;
  };
  const { url, open } = await serveJob(t, job);
  const response = await open();
  assert.equal(response.status, 200);
  const events = told(await response.text());
  assert.deepEqual(events, [...past, step(50), { event: "state", state: "done" }]);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
});

test("what a job tells is sent as it comes, until it ends", async (t) => {
  const job = new FakeJob();
  job.readPast = async () => [step(0)];
  const { open } = await serveJob(t, job);
  const response = await open();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("running")) text += (await reader.read()).value;
  job.hear?.(step(1));
  job.end();
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  assert.deepEqual(told(text), [
    step(0),
    { event: "state", state: "running" },
    step(1),
    { event: "state", state: "done" },
  ]);
});

test("an open stream of a running job does not hold up a shutdown", async (t) => {
  const job = new FakeJob();
  const { open, state, server } = await serveJob(t, job);
  const response = await open();
  const started = performance.now();
  state.beginDraining();
  const [text] = await Promise.all([response.text(), server.close(20_000)]);
  assert.ok(performance.now() - started < 4000, "the stream was waited for");
  const { error } = told(text).at(-1) as unknown as { error: { message: string } };
  assert.match(error.message, /shutting down/);
  assert.equal(job.hear, undefined);
});
