import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Log } from "../../core/index.ts";
import { FakeAnswerer, type FakeOptions } from "./fake-answerer.ts";
import { serveFor } from "./served.ts";
import { until } from "./until.ts";

const chat = "/v1/chat/completions";
const body = { model: "base", messages: [{ role: "user", content: "When is high water?" }] };

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function serveLogged(t: TestContext, options: FakeOptions = {}) {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } });
  };
  const log: Log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const served = await serveFor(t, new FakeAnswerer(options), { log });
  /** What was logged, once there are so many lines: a request's own is written when its connection is done with it. */
  const logged = async (count: number) => {
    await until(`${count} lines`, () => lines.length >= count);
    return lines;
  };
  return { ...served, logged };
}

test("every request has one line, with the id that its response has and no content", async (t) => {
  const { url, post, logged } = await serveLogged(t);
  const own = await post(chat, body, { headers: { "x-request-id": "mine-1" } });
  assert.equal(own.headers.get("x-request-id"), "mine-1");
  const [line] = await logged(1);
  const { ms, ...fields } = line!.fields;
  assert.equal(typeof ms, "number");
  assert.deepEqual(fields, { requestId: "mine-1", method: "POST", route: chat, status: 200 });
  assert.deepEqual([line!.level, line!.message], ["info", "request"]);
  const unnamed = await fetch(`${url}/v1/models/nothing?secret=1`, {
    headers: { "x-request-id": "two words" },
  });
  const given = unnamed.headers.get("x-request-id") ?? "";
  assert.match(given, /^[0-9a-f-]{36}$/);
  const [, second, ...more] = await logged(2);
  assert.equal(second!.fields["requestId"], given);
  assert.equal(second!.fields["status"], 404);
  assert.doesNotMatch(JSON.stringify(second), /nothing|secret|two words/);
  assert.deepEqual(more, []);
});

for (const isStream of [false, true]) {
  const how = isStream ? "in its stream" : "before its response";
  test(`what breaks ${how} is logged with the id of the request`, async (t) => {
    const failure = new Error("a bug about high water");
    const { post, logged } = await serveLogged(t, { failAt: 1, failure });
    const headers = { "x-request-id": "broken-1" };
    const response = await post(chat, { ...body, stream: isStream }, { headers });
    assert.equal(response.status, isStream ? 200 : 500);
    assert.match(await response.text(), /its log says why/);
    const lines = await logged(2);
    const ids = lines.map(({ fields }) => fields["requestId"]);
    assert.deepEqual(ids, ["broken-1", "broken-1"]);
    const { level, message, fields } = lines[0]!;
    assert.deepEqual([level, message, fields["code"]], ["error", "request failed", "internal"]);
  });
}

test("a request whose client went away says so", async (t) => {
  const gate = (signal?: AbortSignal) =>
    new Promise<void>((_, reject) =>
      signal!.addEventListener("abort", () => reject(signal!.reason)),
    );
  const { post, logged } = await serveLogged(t, { gate });
  const leaving = new AbortController();
  const headers = { "x-request-id": "gone-1" };
  const init = { headers, signal: leaving.signal };
  const response = await post(chat, { ...body, stream: true }, init);
  await response.body!.getReader().read();
  leaving.abort();
  const [line] = await logged(1);
  assert.equal(line!.fields["requestId"], "gone-1");
  assert.equal(line!.fields["aborted"], true);
});

for (const [path, content] of [
  [chat, body],
  ["/v1/completions", { prompt: "When is high water?" }],
] as const) {
  test(`who leaves before the model is known is not answered, and counts as 499: ${path}`, async (t) => {
    const answerer = new FakeAnswerer();
    let leave = () => {};
    let goOn = () => {};
    answerer.promptNames = () => {
      leave();
      return new Promise((resolve) => {
        goOn = () => resolve(["handbook"]);
      });
    };
    const { url, post } = await serveFor(t, answerer, { maxActive: 1, maxWaiting: 0 });
    const leaving = new AbortController();
    leave = () => leaving.abort();
    const asked = post(
      path,
      { ...content, model: "foreword@handbook" },
      { signal: leaving.signal },
    );
    await assert.rejects(asked, { name: "AbortError" });
    const gone = `foreword_requests_total{route="${path}",status="499"} 1`;
    await until("the server knows", async () =>
      (await (await fetch(`${url}/metrics`)).text()).includes(gone),
    );
    goOn();
    assert.equal((await post(path, { ...content, model: "base" })).status, 200);
    assert.equal(answerer.requests.length + answerer.completions.length, 1);
  });
}
