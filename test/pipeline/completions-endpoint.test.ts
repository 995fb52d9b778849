import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCompletionRequest } from "../../pipeline/server/completion-request.ts";
import { MAX_CHARACTERS } from "../../pipeline/server/request-fields.ts";
import { FakeAnswerer, overflow } from "./fake-answerer.ts";
import { bodyOf, serveFor } from "./served.ts";

const path = "/v1/completions";

test("the openai client continues a text with the bare model", async (t) => {
  const answerer = new FakeAnswerer();
  const { client } = await serveFor(t, answerer);
  const completion = await client.completions.create({ model: "base", prompt: "Once upon" });
  assert.equal(completion.object, "text_completion");
  assert.match(completion.id, /^cmpl-/);
  assert.equal(completion.choices[0]?.text, " more");
  assert.equal(completion.choices[0]?.finish_reason, "length");
  assert.equal(completion.choices[0]?.logprobs, null);
  assert.equal(answerer.completions[0]?.maxTokens, 16);
  assert.equal(answerer.requests.length, 0);
});

for (const stream of [false, true]) {
  test(`of one request's prompts a few are worked on at once (stream: ${stream})`, async (t) => {
    const answerer = new FakeAnswerer();
    let running = 0;
    let most = 0;
    const complete = answerer.complete.bind(answerer);
    answerer.complete = async function* (request) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return yield* complete(request);
    };
    const { post } = await serveFor(t, answerer);
    const prompt = Array.from({ length: 20 }, (_, index) => `prompt ${index}`);
    const response = await post(path, { model: "base", prompt, n: 2, max_tokens: 1, stream });
    const text = await response.text();
    assert.equal(answerer.completions.length, 40);
    for (let index = 0; index < 40; index++) assert.ok(text.includes(`"index":${index},`));
    assert.equal(most, 4);
  });
}

test("after a prompt that cannot be continued, no other is begun", async (t) => {
  const answerer = new FakeAnswerer();
  let begun = 0;
  // biome-ignore lint/correctness/useYield: it fails before there is anything.
  answerer.complete = async function* () {
    begun++;
    throw overflow();
  };
  const { post } = await serveFor(t, answerer);
  const prompt = Array.from({ length: 20 }, () => "too long");
  assert.equal((await post(path, { model: "base", prompt })).status, 400);
  assert.ok(begun <= 4, `${begun} were begun`);
});

test("prompts may be a text, texts, token ids, or lists of them; each has its choices in turn", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  const forms = ["a", ["a", "b"], [1, 2, 3], [[1, 2], [3]]];
  const counts = [];
  for (const prompt of forms) {
    const response = await post(path, { model: "base", prompt, n: 2, max_tokens: 1 });
    const { choices } = await bodyOf(response);
    assert.deepEqual(
      choices.map(({ index }) => index),
      choices.map((_, index) => index),
    );
    counts.push(choices.length);
  }
  assert.deepEqual(counts, [2, 4, 2, 4]);
  assert.deepEqual(
    answerer.completions.slice(-4).map(({ prompt }) => prompt),
    [[1, 2], [1, 2], [3], [3]],
  );
});

test("of a million wrong token ids one is told", () => {
  for (const [prompt, param, problem] of [
    [Array(999_999).fill(-1), "prompt[0]", /expected a token id/],
    [[...Array(9).fill(1), 0.5, "a"], "prompt[9]", /expected a token id/],
    [[[1], Array(9).fill("a")], "prompt", /or a list of lists of token ids/],
    [[[1], [2, null]], "prompt[1][1]", /expected a token id/],
    [Array(MAX_CHARACTERS + 1).fill(0), "prompt", /at most 4194304 token ids/],
    [[2 ** 24], "prompt[0]", /expected a token id/],
  ] as const) {
    assert.throws(() => parseCompletionRequest({ model: "base", prompt }), {
      code: "request/invalid",
      param,
      message: problem,
    });
  }
  const ids = Array(999_999).fill(7);
  assert.deepEqual(parseCompletionRequest({ model: "base", prompt: ids }).prompts, [ids]);
});

test("echo with logprobs scores the prompt: four lists in step, no score for its first token", async (t) => {
  const answerer = new FakeAnswerer();
  const { client } = await serveFor(t, answerer);
  for (const max_tokens of [0, 1]) {
    const { choices } = await client.completions.create({
      model: "base",
      prompt: "one two three",
      echo: true,
      logprobs: 1,
      max_tokens,
    });
    const [choice] = choices;
    assert.equal(choice?.text, max_tokens === 0 ? "one two three" : "one two three more");
    const scores = choice!.logprobs!;
    const length = 3 + max_tokens;
    assert.equal(scores.tokens?.length, length);
    assert.deepEqual(scores.text_offset, [0, 4, 8, 13].slice(0, length));
    assert.deepEqual(scores.token_logprobs, [null, -0.5, -0.5, -0.5].slice(0, length));
    assert.equal(scores.top_logprobs?.[0], null);
    assert.deepEqual(scores.top_logprobs?.[1], { x: -0.5, "two ": -0.5 });
  }
  assert.deepEqual(
    answerer.completions.map(({ scorePrompt, maxTokens }) => [scorePrompt, maxTokens]),
    [
      [true, 0],
      [true, 1],
    ],
  );
});

test("offsets of a streamed text's tokens are those of the whole one, also where text is held back", async (t) => {
  const answerer = new FakeAnswerer();
  const complete = answerer.complete.bind(answerer);
  const scored = (text: string) => ({
    text,
    bytes: [...Buffer.from(text)],
    logProbability: -1,
    top: [],
  });
  answerer.complete = async function* (request) {
    // A stop text could begin with the first.
    yield { text: "", tokens: [scored("ab")] };
    yield { text: "abx", tokens: [scored("x")] };
    return yield* complete({ ...request, maxTokens: 0 });
  };
  const { client } = await serveFor(t, answerer);
  const asked = { model: "base", prompt: "one two", logprobs: 0, stop: ["abc"] };
  for (const [echo, offsets] of [
    [false, [0, 2]],
    [true, [0, 4, 7, 9]],
  ] as const) {
    const whole = await client.completions.create({ ...asked, echo });
    assert.deepEqual(whole.choices[0]!.logprobs!.text_offset, offsets);
    const streamed: number[] = [];
    for await (const { choices } of await client.completions.create({
      ...asked,
      echo,
      stream: true,
    })) {
      streamed.push(...(choices[0]?.logprobs?.text_offset ?? []));
    }
    assert.deepEqual(streamed, offsets);
  }
});

test("with a model that retrieves, a text is a question", async (t) => {
  const answerer = new FakeAnswerer();
  const { client } = await serveFor(t, answerer);
  const completion = await client.completions.create({ model: "foreword", prompt: "When?" });
  assert.equal(completion.choices[0]?.text, "at noon");
  assert.equal(answerer.requests[0]?.mode, "retrieval");
});

test("with a model that retrieves, an empty question is refused; the bare model judges for itself", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  for (const prompt of ["", " \n", ["When?", ""]]) {
    const response = await post(path, { model: "foreword", prompt });
    assert.equal(response.status, 400);
    assert.equal((await bodyOf(response)).error.param, "prompt");
  }
  assert.equal(answerer.requests.length, 0);
  assert.equal((await post(path, { model: "base", prompt: " " })).status, 200);
  assert.equal((await post(path, { model: "foreword", prompt: " ", echo: true })).status, 200);
});

test("a stream ends with finish_reason, usage when asked for, and [DONE]", async (t) => {
  const { client, post } = await serveFor(t, new FakeAnswerer());
  const stream = await client.completions.create({
    model: "base",
    prompt: "Once",
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks.map(({ choices }) => choices[0]?.text ?? "").join(""), " more");
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, "length");
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.equal(chunks.at(-1)?.usage?.completion_tokens, 1);
  const raw = await post(path, { model: "base", prompt: "Once", stream: true });
  assert.match(await raw.text(), /data: \[DONE\]\n\n$/);
});

const refused: readonly [name: string, body: object, param: string][] = [
  ["no prompt", { model: "base" }, "prompt"],
  ["a prompt that is an object", { model: "base", prompt: {} }, "prompt"],
  ["max_tokens 0 without echo", { model: "base", prompt: "a", max_tokens: 0 }, "max_tokens"],
  ["a suffix", { model: "base", prompt: "a", suffix: "b" }, "suffix"],
  ["a penalty of 3", { model: "base", prompt: "a", presence_penalty: 3 }, "presence_penalty"],
  ["the best of more", { model: "base", prompt: "a", n: 2, best_of: 3 }, "best_of"],
  ["tools", { model: "base", prompt: "a", tools: [{ type: "function" }] }, "tools"],
  [
    "a response format",
    { model: "base", prompt: "a", response_format: { type: "json_object" } },
    "response_format",
  ],
  ["too many stops", { model: "base", prompt: "a", stop: Array(33).fill("1") }, "stop"],
  ["embeddings that are no base64", { model: "base", prompt_embeds: "%%" }, "prompt_embeds"],
  ["embeddings that are no tensor", { model: "base", prompt_embeds: "AAAA" }, "prompt_embeds"],
];
for (const [name, body, param] of refused) {
  test(`${name} is refused with 400 naming the field`, async (t) => {
    const { post } = await serveFor(t, new FakeAnswerer());
    const response = await post(path, body);
    assert.equal(response.status, 400);
    assert.equal((await bodyOf(response)).error.param, param);
  });
}
