import assert from "node:assert/strict";
import { test } from "node:test";
import { apiKeysIn, readSettings } from "../../pipeline/settings.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { bodyOf, serveFor } from "./served.ts";
import { until } from "./until.ts";

const ANNA = "key-of-anna";
const BEN = "key-of-ben";

test("by their keys clients take turns, with at most --per-key under way", async (t) => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const answerer = new FakeAnswerer({ gate: () => gate });
  const limits = { maxActive: 1, maxWaiting: 10, perKey: 3 };
  const keys = { apiKey: ANNA, otherKeys: [BEN] };
  const { url, post } = await serveFor(t, answerer, { ...keys, ...limits });
  const headersOf = (key: string) => ({ authorization: `Bearer ${key}` });
  const ask = (key: string, content: string) => {
    const body = { model: "base", messages: [{ role: "user", content }] };
    return post("/v1/chat/completions", body, { headers: headersOf(key) });
  };
  const underWay = async () => {
    const status = await fetch(`${url}/metrics`, { headers: headersOf(BEN) });
    const counts = (await status.text()).matchAll(/^foreword_queue_(?:running|waiting) (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const asked: Promise<Response>[] = [];
  for (const [key, content] of [
    [ANNA, "Anna 1"],
    [ANNA, "Anna 2"],
    [ANNA, "Anna 3"],
    [BEN, "Ben 1"],
  ] as const) {
    asked.push(ask(key, content));
    await until(content, async () => (await underWay()) === asked.length);
  }
  const refused = await ask(ANNA, "Anna 4");
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
  const { error } = await bodyOf(refused);
  assert.match(error.message, /this client has 3 requests/);
  assert.equal(error.code, "rate_limit_exceeded");
  assert.equal((await ask("key-of-nobody", "Nobody 1")).status, 401);
  open();
  for (const response of await Promise.all(asked)) assert.equal(response.status, 200);
  const order = answerer.requests.map(({ messages }) => messages[0]?.text);
  assert.deepEqual(order, ["Anna 1", "Anna 2", "Ben 1", "Anna 3"]);
  assert.equal((await ask(ANNA, "Anna 5")).status, 200);
});

test("several keys are separated by commas, and none at all is refused", () => {
  assert.deepEqual(apiKeysIn(` ${ANNA}, ${BEN},`), [ANNA, BEN]);
  assert.deepEqual(apiKeysIn(undefined), []);
  const read = (apiKey: string) =>
    readSettings({
      flags: {},
      environment: { FOREWORD_API_KEY: apiKey },
      configPath: "none.json",
      isConfigRequired: false,
      defaultCache: "cache",
    });
  assert.equal(read(`${ANNA},${BEN}`).apiKey, `${ANNA},${BEN}`);
  assert.equal(read("x").apiKey, "x");
  const message = /^FOREWORD_API_KEY: expected at least one key; correct it\.$/;
  assert.throws(() => read(" , ,,"), { code: "config/invalid", message });
});
