import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerMetrics } from "../../pipeline/server/metrics.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { serveFor } from "./served.ts";
import { until } from "./until.ts";

const question = { role: "user", content: "When is high water?" } as const;

test("metrics tell what was answered, by stage, and what the engine says of itself", async (t) => {
  const { url, post } = await serveFor(t, new FakeAnswerer());
  for (let asked = 0; asked < 2; asked++) {
    await post("/v1/chat/completions", { model: "foreword", messages: [question] });
  }
  const text = await (await fetch(`${url}/metrics`)).text();
  for (const line of [
    'foreword_requests_total{route="/v1/chat/completions",status="200"} 2',
    'foreword_stage_seconds_count{stage="retrieval"} 2',
    'foreword_stage_seconds_count{stage="prefill"} 2',
    'foreword_stage_seconds_count{stage="decode"} 2',
    'foreword_tokens_total{kind="cached"} 60',
    "foreword_first_token_seconds_count 2",
    "foreword_tokens_per_second_count 2",
    // Two tokens in 3 ms.
    'foreword_tokens_per_second_bucket{le="500"} 0',
    'foreword_tokens_per_second_bucket{le="1000"} 2',
    "foreword_queue_wait_seconds_count 2",
    "foreword_queue_running 0",
    "foreword_queue_waiting 0",
    "foreword_engine_running 2",
    "foreword_engine_waiting 1",
    "foreword_engine_places 8",
    "foreword_engine_sequence_bytes 4096",
    "foreword_passage_cache_bytes 2048",
    "foreword_passage_cache_max_bytes 8192",
    'foreword_passage_cache_tokens_total{result="hit"} 640',
    'foreword_passage_cache_tokens_total{result="miss"} 128',
    "foreword_engine_restarts_total 1",
  ]) {
    assert.ok(text.split("\n").includes(line), `${line}\nin\n${text}`);
  }
  const again = await (await fetch(`${url}/metrics`)).text();
  assert.match(again, /^foreword_passage_cache_tokens_total\{result="hit"\} 640$/m);
});

test("the time to the first token is told once of a request, and not where none came", async (t) => {
  const { url, post } = await serveFor(t, new FakeAnswerer());
  const silent = await serveFor(t, new FakeAnswerer({ pieces: [] }));
  const counted = async (server: string) => {
    const text = await (await fetch(`${server}/metrics`)).text();
    return Number(/^foreword_first_token_seconds_count (\d+)$/m.exec(text)?.[1]);
  };
  for (const stream of [false, true]) {
    const prompt = ["one", "two", "three", "four", "five"];
    await (await post("/v1/completions", { model: "base", prompt, n: 2, stream })).text();
    const scored = { model: "base", prompt, echo: true, logprobs: 1, max_tokens: 0, stream };
    await (await post("/v1/completions", scored)).text();
    const chat = { model: "foreword", messages: [question], stream };
    await (await silent.post("/v1/chat/completions", chat)).text();
    const asked = { model: "foreword", prompt: question.content, stream };
    const said = await (await silent.post("/v1/completions", asked)).text();
    assert.equal(said.split("do not seem to answer").length, 2);
  }
  assert.equal(await counted(url), 2);
  assert.equal(await counted(silent.url), 0);
});

test("metrics tell how many wait for their turn, and how long they waited", async (t) => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const answerer = new FakeAnswerer({ gate: () => gate });
  const { url, post } = await serveFor(t, answerer, { maxActive: 1 });
  const metric = async (name: string) => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(new RegExp(`^foreword_${name} (\\S+)$`, "m").exec(text)?.[1]);
  };
  const ask = () => post("/v1/chat/completions", { model: "base", messages: [question] });
  const asked = [ask(), ask()];
  await until("one waits", async () => (await metric("queue_waiting")) === 1);
  assert.equal(await metric("queue_running"), 1);
  assert.equal(await metric("queue_wait_seconds_count"), 1);
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const waitedMs = performance.now() - started;
  open();
  await Promise.all(asked);
  assert.equal(await metric("queue_waiting"), 0);
  assert.equal(await metric("queue_wait_seconds_count"), 2);
  const seconds = await metric("queue_wait_seconds_sum");
  assert.ok(seconds >= waitedMs / 1000, `waited ${seconds} s`);
});

test("an engine that cannot be read is left out of the metrics, which still answer", async (t) => {
  const answerer = new FakeAnswerer();
  const { url } = await serveFor(t, answerer);
  assert.match(await (await fetch(`${url}/metrics`)).text(), /^foreword_engine_restarts_total 1$/m);
  answerer.engineStatus = () => Promise.reject(new Error("it died"));
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  assert.equal(response.status, 200);
  assert.match(text, /^foreword_ready 1$/m);
  assert.doesNotMatch(text, /^foreword_engine_running /m);
  assert.doesNotMatch(text, /^foreword_passage_cache_tokens_total\{/m);
  assert.doesNotMatch(text, /^foreword_engine_restarts_total /m);
});

test("the time of reranking is a stage where there was one", async () => {
  const metrics = new ServerMetrics();
  const usage = { promptTokens: 9, cachedTokens: 0, completionTokens: 2 };
  const stages = { retrievalMs: 900, prefillMs: 1, decodeMs: 1 };
  metrics.answered(usage, stages);
  assert.doesNotMatch((await metrics.text()).body, /stage="rerank"/);
  metrics.answered(usage, { ...stages, rerankMs: 750 });
  const { body } = await metrics.text();
  assert.match(body, /^foreword_stage_seconds_sum\{stage="rerank"\} 0\.75$/m);
  assert.match(body, /^foreword_stage_seconds_count\{stage="retrieval"\} 2$/m);
});
