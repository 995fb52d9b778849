import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { RagError } from "../../core/index.ts";
import { FakeAnswerer, overflow } from "./fake-answerer.ts";
import { bodyOf, serveFor } from "./served.ts";

const question = { role: "user", content: "When is high water?" } as const;
const chat = "/v1/chat/completions";

test("the openai client gets a plain answer with usage and citations", async (t) => {
  const { client } = await serveFor(t, new FakeAnswerer());
  const completion = await client.chat.completions.create({
    model: "foreword",
    messages: [question],
  });
  assert.equal(completion.object, "chat.completion");
  assert.match(completion.id, /^chatcmpl-/);
  const [choice] = completion.choices;
  assert.equal(choice?.message.content, "at noon");
  assert.equal(choice?.finish_reason, "stop");
  assert.deepEqual(completion.usage, {
    prompt_tokens: 40,
    completion_tokens: 2,
    total_tokens: 42,
    prompt_tokens_details: { cached_tokens: 30 },
  });
  assert.deepEqual(choice?.message.annotations?.[0]?.url_citation, {
    url: "tides.md",
    title: "Tides",
    start_index: 0,
    end_index: 7,
  });
  const { context } = choice!.message as unknown as { context: { citations: object[] } };
  assert.deepEqual(context.citations, [
    {
      content: "High water is at noon.",
      title: "Tides",
      url: null,
      filepath: "tides.md",
      chunk_id: 7,
      page: 2,
      start: 10,
      end: 31,
      score: 0.5,
    },
  ]);
});

test("the openai client gets a stream: role first, finish reason last, usage when asked for", async (t) => {
  const { client } = await serveFor(t, new FakeAnswerer());
  const stream = await client.chat.completions.create({
    model: "foreword@handbook",
    messages: [question],
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  assert.equal(chunks[0]?.choices[0]?.delta.role, "assistant");
  const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
  assert.equal(text, "at noon");
  const last = chunks.at(-1)!;
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage?.total_tokens, 42);
  assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null));
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, "stop");
});

test("a raw stream is text/event-stream and ends with [DONE], without usage unless asked for", async (t) => {
  const { post } = await serveFor(t, new FakeAnswerer());
  const response = await post(chat, { model: "foreword", messages: [question], stream: true });
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const events = (await response.text()).trimEnd().split("\n\n");
  assert.equal(events.at(-1), "data: [DONE]");
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event.replace(/^data: /, "")));
  assert.equal(chunks.length, 4);
  assert.ok(chunks.every((chunk) => !("usage" in chunk)));
  assert.ok(chunks.every((chunk) => chunk.object === "chat.completion.chunk"));
});

test("fields reach the answerer, and unknown ones are ignored", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  const response = await post(chat, {
    model: "base",
    messages: [
      { role: "developer", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "one" },
          { type: "text", text: "two" },
        ],
      },
    ],
    max_tokens: 5,
    max_completion_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    stop: "END",
    seed: 3,
    n: 2,
    logprobs: true,
    made_up: { deep: true },
    user: null,
  });
  assert.equal(response.status, 200);
  const body = await bodyOf(response);
  assert.equal(body.choices.length, 2);
  assert.equal(body.choices[1]?.index, 1);
  assert.deepEqual(body.choices[0]?.logprobs.content[0], {
    token: "at",
    logprob: -0.25,
    bytes: [97, 116],
    top_logprobs: [],
  });
  assert.equal(body.usage.completion_tokens, 4);
  assert.equal(body.usage.prompt_tokens, 40);
  const [first, second] = answerer.requests;
  assert.deepEqual(first, {
    mode: "bare",
    prompt: "none",
    messages: [
      { role: "system", text: "Be brief." },
      { role: "user", text: "one\ntwo" },
    ],
    maxTokens: 9,
    sampling: { temperature: 0.5, topP: 0.9, seed: 3 },
    stop: ["END"],
    logProbabilities: true,
    topLogProbabilities: 0,
  });
  assert.equal(second?.sampling.seed, 4);
});

test("model ids choose retrieval and learned prompt", async (t) => {
  const answerer = new FakeAnswerer();
  const { client } = await serveFor(t, answerer);
  const ids = ["foreword", "foreword@none", "foreword@handbook", "base"];
  for (const model of ids) await client.chat.completions.create({ model, messages: [question] });
  assert.deepEqual(
    answerer.requests.map(({ mode, prompt }) => [mode, prompt]),
    [
      ["retrieval", undefined],
      ["retrieval", "none"],
      ["retrieval", "handbook"],
      ["bare", "none"],
    ],
  );
  const listed = await client.models.list();
  assert.deepEqual(listed.data.map(({ id }) => id).sort(), ids.sort());
  assert.equal((await client.models.retrieve("foreword@handbook")).object, "model");
});

test("an unknown model is 404 model_not_found", async (t) => {
  const { client } = await serveFor(t, new FakeAnswerer());
  const wanted = { status: 404, code: "model_not_found", param: "model" };
  await assert.rejects(
    client.chat.completions.create({ model: "x", messages: [question] }),
    wanted,
  );
  await assert.rejects(client.models.retrieve("foreword@x"), wanted);
});

const refused: readonly [
  name: string,
  body: object | string,
  param: string | null,
  code?: string,
][] = [
  ["broken JSON", '{"model":', null],
  ["no body", "", "model"],
  ["no messages", { model: "base" }, "messages"],
  ["an empty conversation", { model: "base", messages: [] }, "messages"],
  [
    "no question at the end",
    { model: "base", messages: [{ role: "assistant", content: "hi" }] },
    "messages",
  ],
  [
    "an image",
    { model: "base", messages: [{ role: "user", content: [{ type: "image_url" }] }] },
    "messages[0].content",
  ],
  [
    "a temperature beyond 2",
    { model: "base", messages: [question], temperature: 3 },
    "temperature",
  ],
  [
    "tools",
    { model: "base", messages: [question], tools: [{ type: "function" }] },
    "tools",
    "unsupported_value",
  ],
  [
    "a response format",
    { model: "base", messages: [question], response_format: { type: "json_object" } },
    "response_format",
    "unsupported_value",
  ],
];
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  logit_bias: [{ 50256: -100 }],
  best_of: [2],
  audio: [{ voice: "alloy", format: "wav" }],
  modalities: [["text", "audio"], "audio"],
  web_search_options: [{}],
};
const unsupported = Object.entries(UNSUPPORTED).flatMap(([param, values]) =>
  values.map((value): (typeof refused)[number] => {
    const body = { model: "base", messages: [question], [param]: value };
    return [`${param} ${JSON.stringify(value)}`, body, param, "unsupported_value"];
  }),
);
for (const [name, body, param, code = null] of [...refused, ...unsupported]) {
  test(`${name} is refused with 400 naming the field`, async (t) => {
    const answerer = new FakeAnswerer();
    const { post } = await serveFor(t, answerer);
    const response = await post(chat, body);
    assert.equal(response.status, 400);
    const { error } = await bodyOf(response);
    assert.equal(error.type, "invalid_request_error");
    assert.equal(error.param, param);
    assert.equal(error.code, code);
    assert.equal(answerer.requests.length, 0);
  });
}

test("penalties go to the engine, and are refused beyond 2", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  const ask = (penalties: object) =>
    post(chat, { model: "base", messages: [question], ...penalties });
  assert.equal((await ask({ frequency_penalty: 0.5, presence_penalty: -2 })).status, 200);
  const { frequencyPenalty, presencePenalty } = answerer.requests[0]!.sampling;
  assert.deepEqual([frequencyPenalty, presencePenalty], [0.5, -2]);
  const refusal = await ask({ presence_penalty: 2.5 });
  assert.equal(refusal.status, 400);
  assert.equal((await bodyOf(refusal)).error.param, "presence_penalty");
});

test("what would not change the answer is accepted: text format, no tools, no penalty", async (t) => {
  const { post } = await serveFor(t, new FakeAnswerer());
  const extra = { response_format: { type: "text" }, tools: [], logit_bias: {}, n: null };
  const nothing = {
    frequency_penalty: 0,
    presence_penalty: null,
    modalities: ["text"],
    audio: null,
  };
  for (const count of [{ best_of: 1 }, { best_of: 2, n: 2 }, { best_of: null }]) {
    const body = { model: "base", messages: [question], ...extra, ...nothing, ...count };
    assert.equal((await post(chat, body)).status, 200);
  }
});

test("a top_p of 0 asks for the likeliest tokens", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  const body = { model: "base", messages: [question], top_p: 0, temperature: 1 };
  assert.equal((await post(chat, body)).status, 200);
  assert.equal(answerer.requests[0]!.sampling.topP, 0);
});

test("an assistant that said nothing is taken as it was sent; a user who says nothing is not", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  const ask = (role: string, message: object) =>
    post(chat, { model: "base", messages: [question, { role, ...message }, question] });
  for (const silent of [{ content: null, refusal: null }, {}]) {
    assert.equal((await ask("assistant", silent)).status, 200);
    assert.deepEqual(answerer.requests.at(-1)!.messages[1], { role: "assistant", text: "" });
  }
  const refusal = await ask("user", { content: null });
  assert.equal(refusal.status, 400);
  assert.equal((await bodyOf(refusal)).error.param, "messages[1].content");
});

test("wrong stops and counts are told what would be right", async (t) => {
  const { post } = await serveFor(t, new FakeAnswerer());
  for (const [wrong, expected] of [
    [{ stop: Array(33).fill("1") }, /^stop: expected a text, or a list of at most 32/],
    [{ stop: 5 }, /^stop: expected a text/],
    [{ n: 9 }, /^n: expected a whole number from 1 to 8/],
    [{ n: 0.5 }, /^n: expected a whole number from 1 to 8/],
  ] as const) {
    const response = await post(chat, { model: "base", messages: [question], ...wrong });
    assert.match((await bodyOf(response)).error.message, expected);
  }
});

test("an answer from documents has its lists even where it cites nothing; the bare model has none", async (t) => {
  const { post } = await serveFor(t, new FakeAnswerer({ isUncited: true }));
  const messageOf = async (model: string) => {
    const response = await post(chat, { model, messages: [question] });
    const { choices } = (await response.json()) as { choices: { message: object }[] };
    return choices[0]!.message;
  };
  const said = { role: "assistant", content: "at noon", refusal: null };
  const lists = { annotations: [], context: { citations: [] } };
  assert.deepEqual(await messageOf("foreword"), { ...said, ...lists });
  assert.deepEqual(await messageOf("base"), said);
  const raw = await post(chat, { model: "foreword", messages: [question], stream: true });
  const deltas = (await raw.text())
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice(6)).choices[0].delta);
  assert.deepEqual(deltas.at(-1), lists);
});

test("a body that does not say that it is JSON is refused with the header it needs", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  const body = JSON.stringify({ model: "base", messages: [question] });
  const response = await fetch(`${url}${chat}`, { method: "POST", body });
  assert.equal(response.status, 400);
  assert.match((await bodyOf(response)).error.message, /^body: .*content-type: application\/json/);
});

test("a body that is too large is 413", async (t) => {
  const { post } = await serveFor(t, new FakeAnswerer());
  const content = "x".repeat(5 * 2 ** 20);
  const response = await post(chat, { model: "base", messages: [{ role: "user", content }] });
  assert.equal(response.status, 413);
  assert.match((await bodyOf(response)).error.message, /larger than this server takes/);
});

test("a context overflow is 400 context_length_exceeded, streamed or not", async (t) => {
  const { post } = await serveFor(t, new FakeAnswerer({ failAt: 0, failure: overflow() }));
  for (const stream of [false, true]) {
    const response = await post(chat, { model: "base", messages: [question], stream });
    assert.equal(response.status, 400);
    const { error } = await bodyOf(response);
    assert.equal(error.code, "context_length_exceeded");
    assert.match(error.message, /100 tokens, however 120/);
  }
});

test("an error after the first byte of a stream is an event", async (t) => {
  const failure = new RagError("engine/failed", "worker: ended; try again.");
  const { post } = await serveFor(t, new FakeAnswerer({ failAt: 1, failure }));
  const response = await post(chat, { model: "base", messages: [question], stream: true });
  assert.equal(response.status, 200);
  const events = (await response.text()).trimEnd().split("\n\n");
  const { error } = JSON.parse(events.at(-1)!.replace(/^data: /, ""));
  assert.deepEqual(error, {
    message: "worker: ended; try again.",
    type: "server_error",
    param: null,
    code: null,
  });
});

test("an engine that died is 503 with Retry-After for the requests it had", async (t) => {
  const failure = new RagError("engine/failed", "worker: ended with code 1; try again.");
  const { post } = await serveFor(t, new FakeAnswerer({ failAt: 0, failure }));
  const response = await post(chat, { model: "base", messages: [question] });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "1");
});

test("what fails unexpectedly is not shown to the client", async (t) => {
  const failure = new Error("/home/someone/secret");
  const { post } = await serveFor(t, new FakeAnswerer({ failAt: 0, failure }));
  const response = await post(chat, { model: "base", messages: [question] });
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /secret/);
});

test("an abstention is said in words", async (t) => {
  const { client } = await serveFor(t, new FakeAnswerer({ pieces: [] }));
  const completion = await client.chat.completions.create({
    model: "foreword",
    messages: [question],
  });
  assert.match(completion.choices[0]?.message.content ?? "", /do not seem to answer/);
});

test("a client that goes away stops the generation and frees its place", async (t) => {
  const answerer = new FakeAnswerer({
    pieces: Array.from({ length: 1000 }, () => "x"),
    gate: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const { post, client } = await serveFor(t, answerer, { maxWaiting: 0 });
  for (let time = 0; time < 3; time++) {
    const leaving = new AbortController();
    const body = { model: "base", messages: [question], stream: true };
    const response = await post(chat, body, { signal: leaving.signal });
    await response.body!.getReader().read();
    leaving.abort();
  }
  await answerer.stopped;
  // Only two requests run at once and none may wait: three abandoned ones would keep this one out.
  await waitFor(async () => {
    const models = await client.chat.completions
      .create({ model: "base", messages: [question] })
      .catch(() => undefined);
    return models !== undefined;
  });
});

test("a full queue is 429 with Retry-After", async (t) => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { post, client } = await serveFor(t, new FakeAnswerer({ gate: () => gate }), {
    maxWaiting: 1,
  });
  const ask = () => post(chat, { model: "base", messages: [question] });
  const responses = Promise.all([ask(), ask(), ask(), ask(), ask()]);
  const first = await Promise.any([1, 2, 3, 4, 5].map(() => ask().then(requireBusy)));
  assert.ok(Number(first.headers.get("retry-after")) >= 1);
  const { error } = await bodyOf(first);
  assert.equal(error.type, "rate_limit_error");
  open();
  const statuses = (await responses).map(({ status }) => status);
  assert.ok(statuses.includes(200));
  await client.chat.completions.create({ model: "base", messages: [question] });
});

function requireBusy(response: Response): Response {
  if (response.status !== 429) throw new Error(`status ${response.status}`);
  return response;
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) if (await condition()) return;
  assert.fail("the condition did not come true");
}

test("the list of models tells Open WebUI not to send its own tools, which would be refused", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as {
    data: { info: { meta: { capabilities: Record<string, boolean> } } }[];
  };
  assert.equal(data.length, 4);
  for (const { info } of data) assert.equal(info.meta.capabilities["builtin_tools"], false);
});

test("a model that is not here is told so by its whole name, slashes too", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  for (const name of ["other", "meta-llama/Llama-3", "meta-llama%2FLlama-3"]) {
    const response = await fetch(`${url}/v1/models/${name}`);
    assert.equal(response.status, 404, name);
    const { code, message } = (await bodyOf(response)).error;
    assert.equal(code, "model_not_found", name);
    assert.ok(message.includes(decodeURIComponent(name)), message);
  }
});

test("a question as long as a body may be is left to the model, which says how long it is", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  const content = "a ".repeat(600_000);
  const messages = [{ role: "user", content }];
  assert.equal((await post(chat, { model: "base", messages })).status, 200);
  assert.equal(answerer.requests.at(-1)!.messages[0]!.text, content);
});

test("an API key is required of everything but health checks", async (t) => {
  const apiKey = "a-long-secret";
  const { url, client, post } = await serveFor(t, new FakeAnswerer(), { apiKey });
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const without = await fetch(`${url}/v1/models`);
  assert.equal(without.status, 401);
  assert.equal((await bodyOf(without)).error.code, "invalid_api_key");
  const body = { model: "base", messages: [question] };
  const wrong = await post(chat, body, { headers: { authorization: "Bearer a-long-secreT" } });
  assert.equal(wrong.status, 401);
  assert.equal((await client.models.list()).data.length, 4);
});

test("while loading or draining it says 503, and is alive", async (t) => {
  const { url, state, post } = await serveFor(t, new FakeAnswerer(), { isLoading: true });
  const ask = () => post(chat, { model: "base", messages: [question] });
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 503);
  assert.equal((await ask()).status, 503);
  state.becomeReady();
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  assert.equal((await ask()).status, 200);
  state.beginDraining();
  const refusedNow = await ask();
  assert.equal(refusedNow.status, 503);
  assert.equal(refusedNow.headers.get("retry-after"), "1");
});

test("every response has an x-request-id, the client's where it sent a plain one", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  const own = await fetch(`${url}/nowhere`, { headers: { "x-request-id": "abc-1" } });
  assert.equal(own.status, 404);
  assert.equal(own.headers.get("x-request-id"), "abc-1");
  const made = await fetch(`${url}/healthz`, { headers: { "x-request-id": "<script>" } });
  assert.match(made.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
});

test("the openai client gets embeddings, which it asks for in base64", async (t) => {
  const answerer = new FakeAnswerer();
  const { client, post } = await serveFor(t, answerer);
  const { data, usage } = await client.embeddings.create({ model: "any", input: ["a", "b"] });
  assert.deepEqual(
    data.map(({ embedding }) => [...embedding]),
    [
      [0, 0.5],
      [1, 0.5],
    ],
  );
  assert.equal(usage.prompt_tokens, 6);
  const floats = await client.embeddings.create({
    model: "any",
    input: "a",
    encoding_format: "float",
  });
  assert.deepEqual(floats.data[0]?.embedding, [0, 0.5]);
  const embedded = answerer.embedded.length;
  const refusedSize = await post("/v1/embeddings", { model: "any", input: "a", dimensions: 3 });
  assert.equal(refusedSize.status, 400);
  assert.equal((await bodyOf(refusedSize)).error.param, "dimensions");
  assert.equal(answerer.embedded.length, embedded);
  assert.equal((await post("/v1/embeddings", { model: "any", input: "" })).status, 400);
});

test("the client's own error class carries what the server said", async (t) => {
  const { client } = await serveFor(t, new FakeAnswerer({ failAt: 0, failure: overflow() }));
  const asked = client.chat.completions.create({ model: "base", messages: [question] });
  await assert.rejects(asked, OpenAI.BadRequestError);
});
