import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, mock, type TestContext, test } from "node:test";
import type { PageParts } from "../../pipeline/server/app.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { bodyOf, serveFor } from "./served.ts";
import { until } from "./until.ts";

const LIMIT_MS = 5000;
/** Of a test: where a request is not stopped, it has no end. */
const HUNG = { timeout: 60_000 };
const chat = "/v1/chat/completions";
const body = { model: "base", messages: [{ role: "user", content: "When is high water?" }] };

// For the whole file: fetch keeps a timer of its own from one request to the next.
before(() => mock.timers.enable({ apis: ["setTimeout"] }));
after(() => mock.timers.reset());

/**
 * A server with one place, whose clock goes on when the test says so. Its answerer says a word, and then nothing until it is stopped;
 * `release` lets later answers come to their end.
 */
async function serveStuck(t: TestContext, maxWaiting: number) {
  let isStuck = true;
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const untilStopped = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
    });
  const answerer = new FakeAnswerer({
    gate: (signal) => {
      begin();
      return isStuck ? untilStopped(signal!) : Promise.resolve();
    },
  });
  const release = () => {
    isStuck = false;
  };
  let cut = () => {};
  t.after(() => cut()); // before the server is closed, which waits for what a failed test left open
  const served = await serveFor(t, answerer, { maxActive: 1, maxWaiting, timeoutMs: LIMIT_MS });
  cut = () => served.state.cutAnswers();
  return { ...served, answerer, begun, release, pass: (ms: number) => mock.timers.tick(ms) };
}

async function requireTimeIsUp(response: Response) {
  assert.equal(response.status, 503);
  assert.match(response.headers.get("retry-after") ?? "", /^\d+$/);
  const { error } = await bodyOf(response);
  assert.match(error.message, /longer than the 5 s/);
  assert.equal(error.type, "server_error");
}

test("an answer out of time is stopped, gets 503 and frees its place", HUNG, async (t) => {
  const { post, answerer, begun, release, pass } = await serveStuck(t, 0);
  const asked = post(chat, body);
  await begun;
  pass(LIMIT_MS - 1);
  assert.equal(answerer.signals[0]?.aborted, false);
  assert.equal((await post(chat, body)).status, 429);
  pass(1);
  await requireTimeIsUp(await asked);
  await answerer.stopped;
  release();
  assert.equal((await post(chat, body)).status, 200);
});

test("a stream out of time is told by an event, ends and frees its place", HUNG, async (t) => {
  const { post, answerer, release, pass } = await serveStuck(t, 0);
  const response = await post(chat, { ...body, stream: true });
  assert.equal(response.status, 200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"content":"at"')) text += (await reader.read()).value;
  pass(LIMIT_MS);
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  const events = text.trimEnd().split("\n\n");
  const { error } = JSON.parse(events.at(-1)!.replace(/^data: /, ""));
  assert.match(error.message, /longer than the 5 s/);
  assert.equal(error.type, "server_error");
  assert.doesNotMatch(text, /\[DONE\]/);
  await answerer.stopped;
  release();
  assert.equal((await post(chat, body)).status, 200);
});

test("waiting for a turn counts: who runs out of time in the line leaves it", HUNG, async (t) => {
  const { url, post, answerer, begun, release, pass } = await serveStuck(t, 1);
  const asked = [post(chat, body)];
  await begun;
  asked.push(post(chat, { ...body, stream: true }));
  const waiting = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return /^foreword_queue_waiting (\d+)$/m.exec(text)?.[1];
  };
  while ((await waiting()) !== "1");
  pass(LIMIT_MS);
  for (const response of await Promise.all(asked)) await requireTimeIsUp(response);
  assert.equal(answerer.requests.length, 1);
  assert.equal(await waiting(), "0");
  release();
  assert.equal((await post(chat, body)).status, 200);
});

test(
  "a stream whose reader stopped reading is over when its time is, and is cut off",
  HUNG,
  async (t) => {
    let pieces = 0;
    const answerer = new FakeAnswerer({
      // More than the system keeps for a connection.
      pieces: Array.from({ length: 500 }, () => "x".repeat(100_000)),
      gate: async () => void pieces++,
    });
    const { url } = await serveFor(t, answerer, { maxActive: 1, timeoutMs: LIMIT_MS });
    const metric = async (line: string) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.includes(`\n${line}\n`);
    };
    const { hostname, port } = new URL(url);
    const reader = connect(Number(port), hostname).on("error", () => undefined);
    t.after(() => reader.destroy());
    const bytes = JSON.stringify({ ...body, stream: true });
    reader.write(
      `POST ${chat} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`,
    );
    let [before, unchanged] = [0, 0];
    await until("the stream waits for its reader", async () => {
      await fetch(`${url}/healthz`);
      unchanged = pieces > 0 && pieces === before ? unchanged + 1 : 0;
      before = pieces;
      return unchanged > 20;
    });
    assert.ok(pieces < 499, `${pieces} pieces were sent`);
    mock.timers.tick(LIMIT_MS);
    await until("its place is free", () => metric("foreword_queue_running 0"));
    const done = `foreword_requests_total{route="${chat}",status="200"} 1`;
    assert.equal(await metric(done), false);
    mock.timers.tick(5000);
    await until("its connection is closed", () => metric(done));
  },
);

/** An upload under way, by a client that has sent the beginning and is told no more than it asks for. */
async function beginUpload(t: TestContext) {
  const store = await mkdtemp(join(tmpdir(), "foreword-time-limit-"));
  t.after(() => rm(store, { recursive: true, force: true }));
  const page = { store, view: {}, jobs: {} } as unknown as PageParts;
  const { url } = await serveFor(t, new FakeAnswerer(), { page, timeoutMs: LIMIT_MS });
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).on("error", () => undefined);
  t.after(() => socket.destroy());
  socket.write(
    `PUT /api/uploads/documents/a.txt HTTP/1.1\r\nhost: ${hostname}\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n`,
  );
  const uploads = join(store, "uploads", "documents");
  await until("the upload has begun", () => existsSync(uploads) && readdirSync(uploads).length > 0);
  return { socket, hostname };
}

test(
  "who sends all of an upload that is out of time before reading hears of it",
  HUNG,
  async (t) => {
    const { socket, hostname } = await beginUpload(t);
    mock.timers.tick(LIMIT_MS);
    await once(socket, "readable");
    // More than the system keeps for a connection.
    const rest = Buffer.alloc(2 ** 25, "x");
    socket.write(`${rest.length.toString(16)}\r\n`);
    socket.write(rest);
    await new Promise<void>((resolve) => void socket.write("\r\n0\r\n\r\n", () => resolve()));
    socket.write(`GET /healthz HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`);
    const received = await text(socket);
    assert.match(
      received,
      /^HTTP\/1\.1 503 .*the request took longer than the 5 s.*HTTP\/1\.1 200 /s,
    );
  },
);

test("who never ends an upload that was refused is cut off", HUNG, async (t) => {
  const { socket } = await beginUpload(t);
  mock.timers.tick(LIMIT_MS);
  socket.resume();
  await until("the connection is closed", () => {
    if (!socket.destroyed) socket.write("1\r\nx\r\n");
    // From when the answer has gone.
    mock.timers.tick(30_000);
    return socket.destroyed;
  });
});
