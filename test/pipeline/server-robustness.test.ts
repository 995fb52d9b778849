import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../core/index.ts";
import { Jobs } from "../../pipeline/jobs/jobs.ts";
import type { PageParts } from "../../pipeline/server/app.ts";
import type { Settings } from "../../pipeline/settings.ts";
import type { Workspace } from "../../pipeline/workspace.ts";
import { workspaceStoreView } from "../../pipeline/workspace-store-view.ts";
import { loadSqlite } from "../../retriever/index.ts";
import { openTestStore } from "../retriever/store.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { malformedPageRequests } from "./malformed-page-requests.ts";
import { type MalformedRequest, malformedRequests } from "./malformed-requests.ts";
import { bodyOf, serveFor } from "./served.ts";
import { settingsOf } from "./settings-of.ts";
import { until } from "./until.ts";

const question = { role: "user", content: "When is high water?" } as const;
const chat = "/v1/chat/completions";

/** A 4xx, and an error in OpenAI's shape. */
async function requireRefused(url: string, request: MalformedRequest): Promise<void> {
  const { method, path, body, headers } = request;
  const init = method === "GET" ? { method, headers } : { method, headers, body };
  const response = await fetch(`${url}${path}`, init);
  const said = `${method} ${path} ${body.slice(0, 100)}: ${response.status}`;
  assert.ok(response.status >= 400 && response.status < 500, said);
  assert.match(response.headers.get("x-request-id") ?? "", /./, said);
  const { error } = await bodyOf(response);
  assert.equal(typeof error.message, "string", said);
  assert.match(error.type, /_error$/, said);
  assert.ok("param" in error && "code" in error, said);
}

test("1,000 malformed requests get a 4xx in OpenAI's shape, and the next good one an answer", async (t) => {
  const { url, post } = await serveFor(t, new FakeAnswerer());
  for (const request of malformedRequests(1000, 11)) await requireRefused(url, request);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  const good = await post(chat, { model: "base", messages: [question] });
  assert.equal(good.status, 200);
});

test("400 malformed requests of the page get a 4xx in the same shape, and change nothing", async (t) => {
  const opened = await openTestStore();
  const store = opened.folder;
  const settings = settingsOf(store, { store });
  const jobs = new Jobs(settings, silentLog);
  await jobs.start();
  t.after(async () => {
    await jobs.close();
    await opened.close();
  });
  await opened.put("lighthouse", "It is 61 metres tall.");
  // Only what is used of it.
  const workspace = { corpus: async () => opened.corpus } as unknown as Workspace;
  const page = { store, view: workspaceStoreView(workspace, settings), jobs };
  const { url } = await serveFor(t, new FakeAnswerer(), { page });
  const before = await filesIn(store);
  for (const request of malformedPageRequests(400, 12)) await requireRefused(url, request);
  const refusal = async (path: string) => (await bodyOf(await fetch(`${url}${path}`))).error;
  assert.equal((await refusal("/api/uploads/others")).param, "kind");
  assert.match((await refusal("/api/jobs/%E0%A4%A")).message, /^the request's address/);
  assert.deepEqual(await filesIn(store), before);
  assert.deepEqual(await jobs.list(), []);
  const good = await fetch(`${url}/api/documents`);
  const { documents } = (await good.json()) as { documents: { id: string }[] };
  assert.deepEqual(
    documents.map(({ id }) => id),
    ["lighthouse"],
  );
});

test("a document that cannot be removed because another process writes gets 503, and holds nobody up", async (t) => {
  const opened = await openTestStore();
  t.after(() => opened.close());
  await opened.put("lighthouse", "It is 61 metres tall.");
  const workspace = { corpus: async () => opened.corpus } as unknown as Workspace;
  const settings = { store: opened.folder } as Settings;
  const view = workspaceStoreView(workspace, settings);
  const page = { store: opened.folder, view, jobs: new Jobs(settings, silentLog) };
  const { url } = await serveFor(t, new FakeAnswerer(), { page });
  const other = new (loadSqlite())(join(opened.folder, "corpus.db"));
  t.after(() => other.close());
  other.exec("BEGIN IMMEDIATE");
  const remove = () => fetch(`${url}/api/documents?id=lighthouse`, { method: "DELETE" });
  const answeredMeanwhile = async () => {
    let isOver = false;
    const removing = remove().finally(() => {
      isOver = true;
    });
    let answered = 0;
    for (; !isOver; answered++) assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const response = await removing;
    assert.equal(response.status, 503);
    assert.match(response.headers.get("retry-after") ?? "", /^\d+$/);
    assert.match((await bodyOf(response)).error.message, /corpus\.db: another foreword process/);
    return answered;
  };
  // Again where the machine stood still for as long as a removal waits.
  const answered: number[] = [];
  while (answered.length < 3 && (answered.at(-1) ?? 0) <= 2) {
    answered.push(await answeredMeanwhile());
  }
  assert.ok(answered.at(-1)! > 2, `${answered.join(", ")} health checks were answered meanwhile`);
  other.exec("ROLLBACK");
  assert.equal((await remove()).status, 204);
});

const filesIn = async (folder: string) => (await readdir(folder, { recursive: true })).sort();

test("250 abandoned streams leave no place taken", async (t) => {
  const answerer = new FakeAnswerer({
    pieces: Array.from({ length: 10_000 }, () => "x"),
    gate: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const { url, post } = await serveFor(t, answerer, { maxWaiting: 300 });
  const leave = async (index: number) => {
    const leaving = new AbortController();
    const body = { model: "base", messages: [question], stream: true };
    const asked = post(chat, body, { signal: leaving.signal });
    // Some go before they are answered, some in the middle of it.
    if (index % 2 === 0) await asked.then((response) => response.body!.getReader().read());
    leaving.abort();
    await asked.catch(() => undefined);
  };
  for (let first = 0; first < 250; first += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => leave(index)));
  }
  const gauge = async (name: string) => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(new RegExp(`^foreword_queue_${name} (\\d+)`, "m").exec(text)?.[1]);
  };
  await until(
    "the end of all that run or wait",
    async () => (await gauge("running")) + (await gauge("waiting")) === 0,
  );
});

/** Sends bytes and gathers what comes back until the other side closes. */
function rawRequest(url: string, bytes: string): { socket: Socket; closed: Promise<string> } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  socket.write(bytes);
  return {
    socket,
    closed: new Promise((resolve) => socket.once("close", () => resolve(received))),
  };
}

test("what is no HTTP gets an error in the same shape, and the connection ends", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  for (const bytes of [
    "nonsense\r\n\r\n",
    `GET / HTTP/1.1\r\nx: ${"a".repeat(40_000)}\r\n\r\n`,
    "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
    "GET /nowhere HTTP/1.1\r\nhost: localhost\r\nexpect: foo\r\nconnection: close\r\n\r\n",
  ]) {
    const received = await rawRequest(url, bytes).closed;
    assert.match(received, /^HTTP\/1\.1 4\d\d /);
    assert.match(received, /x-request-id: /);
    const { error } = JSON.parse(received.slice(received.indexOf("\r\n\r\n") + 4));
    assert.equal(error.type, "invalid_request_error");
  }
});

test("a client that is refused and does not close its side is cut off", async (t) => {
  const { url, server } = await serveFor(t, new FakeAnswerer());
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.write("nonsense\r\n\r\n");
  await once(socket.resume(), "end");
  assert.equal(socket.writable, true);
  const started = performance.now();
  await server.close(60_000);
  assert.ok(performance.now() - started < 30_000, "its connection was waited for");
});

test("clients that never finish their headers do not keep others waiting", async (t) => {
  const { url, post } = await serveFor(t, new FakeAnswerer());
  const slow = Array.from({ length: 100 }, () => rawRequest(url, "POST /v1/chat"));
  const good = await post(chat, { model: "base", messages: [question] });
  assert.equal(good.status, 200);
  assert.ok(
    slow.every(({ socket }) => !socket.closed),
    "answered only after the others were cut off",
  );
  for (const { socket } of slow) socket.destroy();
});

test("without a key, a request under another name or from another site is refused", async (t) => {
  const { url, post } = await serveFor(t, new FakeAnswerer());
  const body = { model: "base", messages: [question] };
  const crossSite = await post(chat, body, { headers: { "sec-fetch-site": "cross-site" } });
  assert.equal(crossSite.status, 403);
  const received = await rawRequest(
    url,
    "GET /v1/models HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
  ).closed;
  assert.match(received, /^HTTP\/1\.1 403 /);
});

test("a browser is asked for the key, and may send it as a password", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer(), { apiKey: "a-long-secret" });
  const asked = await fetch(`${url}/v1/models`, { headers: { accept: "text/html" } });
  assert.match(asked.headers.get("www-authenticate") ?? "", /^Basic realm/);
  const pair = Buffer.from("anyone:a-long-secret").toString("base64");
  const headers = { authorization: `Basic ${pair}` };
  assert.equal((await fetch(`${url}/v1/models`, { headers })).status, 200);
});

test("an ending server tells the streams that are left", async (t) => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { state, post } = await serveFor(t, new FakeAnswerer({ gate: () => gate }));
  const response = await post(chat, { model: "base", messages: [question], stream: true });
  const reader = response.body!.getReader();
  let text = new TextDecoder().decode((await reader.read()).value);
  state.beginDraining();
  state.cutAnswers();
  open();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    text += new TextDecoder().decode(next.value);
  }
  const events = text.trimEnd().split("\n\n");
  const { error } = JSON.parse(events.at(-1)!.replace(/^data: /, ""));
  assert.match(error.message, /shutting down/);
});

test("until its streams have ended, an ending server says to new requests that it shuts down", async (t) => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { url, server, state, post } = await serveFor(t, new FakeAnswerer({ gate: () => gate }));
  const response = await post(chat, { model: "base", messages: [question], stream: true });
  state.beginDraining();
  const closed = server.close(120_000);
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 503);
  assert.equal(ready.headers.get("connection"), "close");
  assert.equal((await post(chat, { model: "base", messages: [question] })).status, 503);
  open();
  assert.match(await response.text(), /data: \[DONE\]\s*$/);
  await closed;
  await assert.rejects(fetch(`${url}/readyz`));
});

test("security headers are on every response", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  for (const path of ["/healthz", "/nowhere"]) {
    const { headers } = await fetch(`${url}${path}`);
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.match(headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("x-powered-by"), null);
  }
});

test("the OpenAPI document describes every address, with JSON schemas of the bodies", async (t) => {
  // Nobody looks into them.
  const page = { store: "none", view: {}, jobs: {} } as unknown as PageParts;
  const { url } = await serveFor(t, new FakeAnswerer(), { page });
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { requestBody?: object; responses: Record<string, { content?: object }> }>
    >;
  };
  assert.equal(document.openapi, "3.1.0");
  const chatOperation = document.paths["/v1/chat/completions"]?.["post"];
  assert.match(JSON.stringify(chatOperation?.requestBody), /"messages"/);
  for (const path of [
    "/v1/completions",
    "/v1/embeddings",
    "/v1/models",
    "/healthz",
    "/metrics",
    "/api/jobs",
  ]) {
    assert.ok(document.paths[path], path);
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const { responses } of Object.values(methods)) {
      const sent = responses["200"] ?? responses["201"];
      if (sent) assert.match(JSON.stringify(sent.content), /"required"|text\//, path);
      else assert.ok(responses["204"], path);
    }
  }
});
