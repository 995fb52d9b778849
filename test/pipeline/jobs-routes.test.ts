import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { RagError } from "../../core/index.ts";
import type { JobEvent } from "../../pipeline/jobs/job-record.ts";
import type { PageParts } from "../../pipeline/server/app.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { serveFor } from "./served.ts";
import { until } from "./until.ts";

/** One job that tells what a test wants. */
class FakeJob {
  readonly id = "job-0001";
  record: object = { id: this.id };
  isFollowed = false;
  readonly #told: JobEvent[] = [];
  #wake = () => {};

  list = async () => [this.record];
  async *follow(_id: string, signal: AbortSignal): AsyncGenerator<JobEvent, void> {
    this.isFollowed = true;
    try {
      for (;;) {
        for (const event of this.#told.splice(0)) {
          yield event;
          if (event["state"] === "done") return;
        }
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    } finally {
      this.isFollowed = false;
    }
  }

  tell(event: JobEvent): void {
    this.#told.push(event);
    this.#wake();
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
const RUNNING: JobEvent = { event: "state", state: "running" };
const DONE: JobEvent = { event: "state", state: "done" };

/** Reads on until a piece has come, and gives everything since. */
function readerOf(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  return async (piece: string): Promise<string> => {
    let text = "";
    while (!text.includes(piece)) text += (await reader.read()).value;
    return text;
  };
}

test("what a job tells is sent as it comes, until it ends", async (t) => {
  const job = new FakeJob();
  job.tell(step(0));
  job.tell(RUNNING);
  const { open } = await serveJob(t, job);
  const readUntil = readerOf(await open());
  const first = await readUntil("running");
  job.tell(step(1));
  job.tell(DONE);
  assert.deepEqual(told(first + (await readUntil("done"))), [step(0), RUNNING, step(1), DONE]);
});

test("a stream of a job that says nothing for long is kept alive by comments", async (t) => {
  const job = new FakeJob();
  job.tell(RUNNING);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { open } = await serveJob(t, job);
  const response = await open();
  const readUntil = readerOf(response);
  await readUntil("running");
  t.mock.timers.tick(20_000);
  assert.equal(await readUntil("\n\n"), ": \n\n");
  t.mock.timers.tick(20_000);
  assert.equal(await readUntil("\n\n"), ": \n\n");
  job.tell(DONE);
  assert.deepEqual(told(await readUntil("done")), [DONE]);
});

test("events of a job that there is not are no stream, but a 404", async (t) => {
  const job = new FakeJob();
  job.follow = async function* () {
    yield* [];
    throw new RagError("request/not-found", "there is no such job.");
  };
  const { open } = await serveJob(t, job);
  const response = await open();
  assert.equal(response.status, 404);
  assert.match(await response.text(), /no such job/);
});

test("a reader that goes away is no longer told", async (t) => {
  const job = new FakeJob();
  job.tell(RUNNING);
  const { open } = await serveJob(t, job);
  const response = await open();
  assert.equal(job.isFollowed, true);
  await response.body!.cancel();
  await until("the end of what follows the job", () => !job.isFollowed);
});

test("an open stream of a running job does not hold up a shutdown", async (t) => {
  const job = new FakeJob();
  job.tell(RUNNING);
  const { open, state, server } = await serveJob(t, job);
  const response = await open();
  state.beginDraining();
  // A stream that were waited for would be cut off in the end, and its text could not be read.
  const [text] = await Promise.all([response.text(), server.close(20_000)]);
  const { error } = told(text).at(-1) as unknown as { error: { message: string } };
  assert.match(error.message, /shutting down/);
  assert.equal(job.isFollowed, false);
});

/** What is read of a listed job. */
interface Listed {
  readonly request: { readonly files: readonly string[] };
  readonly fileCount: number;
  readonly refused: readonly { readonly source: string; readonly reason: string }[];
}

test("a list names few files of an ingest that does not run and few of those refused, and says how many there were", async (t) => {
  const job = new FakeJob();
  const files = Array.from({ length: 300 }, (_, index) => `${index}.txt`);
  const { url } = await serveJob(t, job);
  const failed = files.map((source) => ({ source, reason: "holds no text." }));
  const list = async (state: string) => {
    const result = { big: true, documents: { failed } };
    job.record = { id: job.id, state, request: { kind: "ingest", files }, result };
    const response = await fetch(`${url}/api/jobs`);
    const { jobs } = (await response.json()) as { jobs: Listed[] };
    return jobs[0]!;
  };
  const running = await list("running");
  assert.deepEqual([running.request.files.length, running.fileCount], [300, 300]);
  const waiting = await list("waiting");
  assert.deepEqual([waiting.request.files.length, waiting.fileCount], [100, 300]);
  const done = await list("done");
  assert.deepEqual(done.request.files, files.slice(0, 100));
  assert.equal(done.fileCount, 300);
  assert.deepEqual(done.refused, failed.slice(0, 100));
  assert.equal("result" in done, false);
});
