import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { BaseCache, InMemoryCache } from "@langchain/core/caches";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import {
  AIMessage,
  type AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  type UsageMetadata,
} from "@langchain/core/messages";
import { StringOutputParser } from "@langchain/core/output_parsers";
import type { ChatResult } from "@langchain/core/outputs";
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { createAgent } from "langchain";
import {
  ChatForeword,
  type ChatForewordCallOptions,
  type ChatForewordFields,
  type ChatForewordOpenOptions,
  documentTools,
  forewordChain,
} from "../../pipeline/index.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { serveFor } from "./served.ts";

/** LangChain's type of a plain message leaves usage out. */
const usageOf = (message: object) => (message as { usage_metadata?: UsageMetadata }).usage_metadata;

test("ChatOpenAI invokes and streams, with usage", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  const configuration = { baseURL: `${url}/v1` };
  const model = new ChatOpenAI({ model: "foreword", apiKey: "unused", configuration });
  const answer = await model.invoke([new SystemMessage("Be brief."), new HumanMessage("When?")]);
  assert.equal(answer.text, "at noon");
  assert.equal(usageOf(answer)?.total_tokens, 42);
  let text = "";
  for await (const chunk of await model.stream("When?")) text += chunk.text;
  assert.equal(text, "at noon");
});

test("OpenAI, which sends penalties of 0 and the best of 1, continues a text", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  const configuration = { baseURL: `${url}/v1` };
  const settings = { frequencyPenalty: 0, presencePenalty: 0, bestOf: 1, n: 1 };
  const model = new OpenAI({ model: "base", apiKey: "unused", configuration, ...settings });
  assert.equal(await model.invoke("Once upon"), " more");
});

test("OpenAIEmbeddings gets vectors of texts", async (t) => {
  const { url } = await serveFor(t, new FakeAnswerer());
  const embeddings = new OpenAIEmbeddings({
    model: "all-minilm-l6-v2",
    apiKey: "unused",
    configuration: { baseURL: `${url}/v1` },
  });
  assert.deepEqual(await embeddings.embedDocuments(["a", "b"]), [
    [0, 0.5],
    [1, 0.5],
  ]);
  assert.deepEqual(await embeddings.embedQuery("a"), [0, 0.5]);
});

test("embeddings of OpenAI's token ids are those of their text", async (t) => {
  const answerer = new FakeAnswerer();
  const { post } = await serveFor(t, answerer);
  // "hello world" in cl100k_base.
  const response = await post("/v1/embeddings", { model: "any", input: [[15339, 1917]] });
  assert.equal(response.status, 200);
  assert.deepEqual(answerer.embedded, ["hello world"]);
});

test("ChatForeword answers with usage and sources in the metadata", async () => {
  const answerer = new FakeAnswerer();
  const model = new ChatForeword({ answerer, model: "foreword@handbook", maxTokens: 9 });
  const answer = await model.invoke([new SystemMessage("Be brief."), new HumanMessage("When?")], {
    stop: ["END"],
    temperature: 0.5,
  });
  assert.equal(answer.text, "at noon");
  assert.deepEqual(usageOf(answer), {
    input_tokens: 40,
    output_tokens: 2,
    total_tokens: 42,
    input_token_details: { cache_read: 30 },
  });
  const sources = answer.response_metadata["sources"] as { source: string }[];
  assert.equal(sources[0]?.source, "tides.md");
  assert.equal(answer.response_metadata["finish_reason"], "stop");
  const [request] = answerer.requests;
  assert.equal(request?.prompt, "handbook");
  assert.equal(request?.maxTokens, 9);
  assert.equal(request?.sampling.temperature, 0.5);
  assert.deepEqual(request?.stop, ["END"]);
  assert.deepEqual(request?.messages[0], { role: "system", text: "Be brief." });
});

const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
const question = { type: "text", text: "What is this?" };
const wrong: readonly (readonly [
  what: string,
  messages: BaseMessage[],
  options: ChatForewordCallOptions,
  param: string,
])[] = [
  ["an image", [new HumanMessage({ content: [question, image] })], {}, "messages[0].content"],
  ["an image alone", [new HumanMessage({ content: [image] })], {}, "messages[0].content"],
  ["no messages", [], {}, "messages"],
  [
    "a last message of the model's",
    [new HumanMessage("Hi"), new AIMessage("Yes?")],
    {},
    "messages",
  ],
  ["a blank question", [new HumanMessage(" ")], {}, "messages"],
  ...[0, -1, 1.5, Number.NaN].map((maxTokens) => asked({ maxTokens })),
  ...[-1, 5, Number.NaN].map((topP) => asked({ topP })),
  ...[-1, 3].map((temperature) => asked({ temperature })),
  asked({ seed: 0.5 }),
  asked({ stop: Array(33).fill("1") }),
];
function asked(options: ChatForewordCallOptions): (typeof wrong)[number] {
  return [JSON.stringify(options), [new HumanMessage("When?")], options, Object.keys(options)[0]!];
}
for (const [what, messages, options, param] of wrong) {
  test(`ChatForeword refuses ${what} as the server does`, async () => {
    const answerer = new FakeAnswerer();
    const model = new ChatForeword({ answerer });
    const refused = { code: "request/invalid", param };
    await assert.rejects(model.invoke(messages, options), refused);
    await assert.rejects(async () => {
      for await (const _ of await model.stream(messages, options));
    }, refused);
    assert.equal(answerer.requests.length, 0);
  });
}

test("ChatForeword refuses tools and answers in a form, and what it is made with when it is made", async () => {
  const answerer = new FakeAnswerer();
  const model = new ChatForeword({ answerer });
  const options = { tools: [{ type: "function" }] } as ChatForewordCallOptions;
  await assert.rejects(model.invoke("When?", options), {
    code: "request/unsupported",
    param: "tools",
  });
  for (const fields of [{ topP: 5 }, { temperature: -1 }, { maxTokens: 0 }, { model: "" }]) {
    const [param] = Object.keys(fields);
    assert.throws(() => new ChatForeword({ answerer, ...fields }), {
      code: "request/invalid",
      param,
    });
  }
});

test("an empty stop text stops nothing, and parts of text are one message", async () => {
  const answerer = new FakeAnswerer();
  const parts = [question, { type: "text", text: "And that?" }];
  const messages = [new HumanMessage({ content: parts })];
  await new ChatForeword({ answerer }).invoke(messages, { stop: ["", "END"] });
  assert.deepEqual(answerer.requests[0]?.stop, ["END"]);
  assert.deepEqual(answerer.requests[0]?.messages, [
    { role: "user", text: "What is this?\nAnd that?" },
  ]);
});

test("ChatForeword streams, batches, and joins chains", async () => {
  const model = new ChatForeword({ answerer: new FakeAnswerer() });
  const chunks = [];
  for await (const chunk of await model.stream("When?")) chunks.push(chunk);
  assert.equal(chunks.map(({ text }) => text).join(""), "at noon");
  const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
  assert.equal(usageOf(whole)?.output_tokens, 2);
  const batch = await model.batch(["When?", "And then?"]);
  assert.deepEqual(
    batch.map(({ text }) => text),
    ["at noon", "at noon"],
  );
  assert.equal(await model.pipe(new StringOutputParser()).invoke("When?"), "at noon");
});

test("an abort signal stops ChatForeword's generation", async () => {
  const answerer = new FakeAnswerer({
    pieces: Array.from({ length: 1000 }, () => "x"),
    gate: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const model = new ChatForeword({ answerer });
  const controller = new AbortController();
  const asked = async () => {
    for await (const _ of await model.stream("When?", { signal: controller.signal })) {
      controller.abort();
    }
  };
  await assert.rejects(asked);
  assert.equal(answerer.signals[0]?.aborted, true);
});

test("leaving ChatForeword's stream stops the generation", async () => {
  const answerer = new FakeAnswerer({
    pieces: Array.from({ length: 100_000 }, () => "x"),
    gate: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const model = new ChatForeword({ answerer });
  for await (const _ of await model.stream("When?")) break;
  await answerer.stopped;
});

test("a handler that fails stops ChatForeword's generation", async () => {
  const answerer = new FakeAnswerer({ pieces: ["a", "b", "c"] });
  const model = new ChatForeword({ answerer });
  const manager = {
    handleLLMNewToken: () => Promise.reject(new Error("no more")),
  } as unknown as CallbackManagerForLLMRun;
  await assert.rejects(model._generate([new HumanMessage("When?")], {}, manager), /no more/);
  await answerer.stopped;
});

test("LangChain's cache gives an answer only to the model and settings it was made with", async () => {
  const cache = new InMemoryCache(new Map());
  const answerer = new FakeAnswerer();
  const ask = async (fields: Partial<ChatForewordFields>) => {
    const asked = answerer.requests.length;
    await new ChatForeword({ answerer, cache, ...fields }).invoke("When?");
    return answerer.requests.length - asked;
  };
  assert.equal(await ask({}), 1);
  assert.equal(await ask({}), 0);
  for (const fields of [{ model: "base" }, { temperature: 1 }, { topP: 0.5 }, { maxTokens: 3 }]) {
    assert.equal(await ask(fields), 1, JSON.stringify(fields));
  }
  const other = new FakeAnswerer({ pieces: ["from other documents"] });
  const { text } = await new ChatForeword({ answerer: other, cache }).invoke("When?");
  assert.equal(text, "from other documents");
});

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-langchain-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("ChatForeword.open keeps the models' folder apart from LangChain's cache, and takes a reranker", async (t) => {
  const folder = await temporaryFolder(t);
  const plain = { store: join(folder, "store"), cacheFolder: folder };
  assert.equal(ChatForeword.open(plain).cache, undefined);
  const misplaced = { ...plain, cache: folder } as unknown as ChatForewordOpenOptions;
  assert.throws(() => ChatForeword.open(misplaced), {
    code: "config/invalid",
    message: /^cache: .*cacheFolder/,
  });
  assert.throws(() => ChatForeword.open({ ...plain, rerank: "none", rerankDepth: 1 }), {
    code: "config/invalid",
    message: /^rerankDepth: expected a whole number from 2/,
  });
  const key = (options: ChatForewordOpenOptions) =>
    JSON.stringify(ChatForeword.open(options)._identifyingParams());
  assert.equal(key(plain), key({ ...plain, cacheFolder: tmpdir(), rerank: "none" }));
  assert.notEqual(key(plain), key({ ...plain, rerank: "likelihood" }));
  assert.notEqual(key(plain), key({ ...plain, embedderPrecision: "int8" }));
  assert.notEqual(key(plain), key({ ...plain, store: join(folder, "other") }));
});

test("an answer of an opened ChatForeword is found in LangChain's cache by the next process", async (t) => {
  const folder = await temporaryFolder(t);
  const keys: string[] = [];
  class Kept extends BaseCache {
    override async lookup(_prompt: string, key: string) {
      keys.push(key);
      return [{ text: "kept", message: new AIMessage("kept") }];
    }
    override async update() {}
  }
  const options = { store: join(folder, "store"), cacheFolder: folder };
  for (const more of [{}, {}, { temperature: 1 }]) {
    const model = ChatForeword.open({ ...options, ...more, cache: new Kept() });
    assert.equal((await model.invoke("When?")).text, "kept");
    await model.close();
  }
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[0], keys[2]);
});

test("the chain gives answer and sources, and passes on what was said before", async () => {
  const answerer = new FakeAnswerer();
  const chain = forewordChain(new ChatForeword({ answerer }));
  const history = [{ question: "Where?", answer: "At the pier." }];
  const { answer, sources } = await chain.invoke({ question: "When?", history });
  assert.equal(answer, "at noon");
  assert.equal(sources[0]?.title, "Tides");
  assert.deepEqual(
    answerer.requests[0]?.messages.map(({ role }) => role),
    ["user", "assistant", "user"],
  );
});

for (const [what, pieces, expected] of [
  ["an answer", ["at", " noon"], "at noon"],
  ["an abstention", [], /do not seem to answer/],
] as const) {
  test(`a chain's events stream ${what} with every chunk, and the usage at its end`, async () => {
    const chain = forewordChain(new ChatForeword({ answerer: new FakeAnswerer({ pieces }) }));
    const chunks: AIMessageChunk[] = [];
    for await (const { event, data } of chain.streamEvents(
      { question: "When?" },
      { version: "v2" },
    )) {
      if (event === "on_chat_model_stream") chunks.push(data.chunk);
    }
    const text = chunks.map((chunk) => chunk.text).join("");
    if (typeof expected === "string") assert.equal(text, expected);
    else assert.match(text, expected);
    assert.equal(chunks.length, pieces.length + 1);
    assert.deepEqual(
      chunks.map((chunk) => usageOf(chunk)?.output_tokens),
      [...pieces.map(() => undefined), 2],
    );
    assert.ok(chunks.at(-1)?.response_metadata["finish_reason"]);
  });
}

test("a handler is told each piece with its chunk, also where nothing is streamed", async () => {
  const told: [string, boolean][] = [];
  const manager = {
    handleLLMNewToken: async (token: string, ...rest: readonly unknown[]) => {
      const { chunk } = rest.at(-1) as { chunk: { text: string } };
      told.push([token, chunk.text === token]);
    },
  } as unknown as CallbackManagerForLLMRun;
  const model = new ChatForeword({ answerer: new FakeAnswerer() });
  await model._generate([new HumanMessage("When?")], {}, manager);
  assert.deepEqual(told, [
    ["at", true],
    [" noon", true],
    ["", true],
  ]);
});

/** Calls a tool first, then says what the tool said. */
class ScriptedModel extends BaseChatModel {
  override _llmType(): string {
    return "scripted";
  }

  override bindTools(): this {
    return this;
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const last = messages.at(-1)!;
    const message =
      last.getType() === "tool"
        ? new AIMessage(`The documents say: ${last.text}`)
        : new AIMessage({
            content: "",
            tool_calls: [{ id: "1", name: "ask_documents", args: { question: last.text } }],
          });
    return { generations: [{ text: message.text, message }] };
  }
}

test("an agent asks the documents through a tool", async () => {
  const tools = documentTools({
    answerer: new FakeAnswerer(),
    search: async () => [],
    close: async () => {},
  });
  const agent = createAgent({ model: new ScriptedModel({}), tools });
  const { messages } = await agent.invoke({ messages: [new HumanMessage("When is high water?")] });
  assert.match(messages.at(-1)!.text, /The documents say: at noon\n\nSources:\n- tides\.md/);
});
