import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { silentLog } from "../../core/index.ts";
import { quietWorkspace } from "../../pipeline/quiet-workspace.ts";
import { createApp } from "../../pipeline/server/app.ts";
import { type Listening, listen } from "../../pipeline/server/listen.ts";
import { ServerState } from "../../pipeline/server/server-state.ts";
import { readSettings } from "../../pipeline/settings.ts";
import type { Workspace } from "../../pipeline/workspace.ts";
import { workspaceAnswerer } from "../../pipeline/workspace-answerer.ts";
import { writeTorchTensor } from "../../ptuning/index.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { putText } from "../retriever/store.ts";

describe("the endpoint with the real models", () => {
  let folder: string;
  let workspace: Workspace;
  let server: Listening;
  let client: OpenAI;
  const state = new ServerState();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-endpoint-"));
    const settings = readSettings({
      flags: { store: join(folder, "store"), quiet: true },
      environment: {},
      configPath: join(folder, "none.json"),
      isConfigRequired: false,
      defaultCache: defaultCacheFolder(process.env, process.platform, homedir()),
    });
    workspace = quietWorkspace(settings, new AbortController().signal);
    const answerer = workspaceAnswerer(workspace, settings);
    const app = createApp({
      answerer,
      state,
      log: silentLog,
      apiKeys: [],
      maxActive: 4,
      maxWaiting: 8,
      timeoutMs: 120_000,
    });
    server = await listen(app, { host: "127.0.0.1", port: 0 });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "unused", maxRetries: 0 });
    await workspace.warmUp();
    state.becomeReady();
  });
  after(async () => {
    await server.close(0);
    await workspace.close();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (model: string, content: unknown, more: object = {}) =>
    client.chat.completions.create({
      model,
      max_tokens: 12,
      messages: [{ role: "user", content: content as string }],
      ...more,
    });

  test("an empty store is said, with the reason", async () => {
    const { choices } = await ask("foreword", "How tall is the tower?");
    assert.match(choices[0]?.message.content ?? "", /no documents/);
    const { context } = choices[0]!.message as unknown as {
      context: { abstention: { reason: string } };
    };
    assert.equal(context.abstention.reason, "empty-store");
  });

  test("what has nothing to do with the documents is not answered from them", async () => {
    const text = "The tower of Orrin is 61 metres tall. It was built by Hanna Veld in 1904.";
    const document = {
      id: "tower",
      source: "tower.txt",
      title: "The tower of Orrin",
      format: "txt",
      hash: "1",
      text,
      metadata: {},
    };
    await putText(await workspace.corpus(), await workspace.embedder(), document);
    const found = await ask("foreword", "How tall is the tower of Orrin?");
    assert.match(found.choices[0]?.message.content ?? "", /61/);
    const lost = await ask("foreword", "Which vitamins help against scurvy in sailors?");
    assert.match(lost.choices[0]?.message.content ?? "", /close enough.*similarity of/);
    assert.equal(lost.usage?.completion_tokens, 0);
  });

  test("a follow-up finds what was spoken of before", async () => {
    const { choices } = await client.chat.completions.create({
      model: "foreword@none",
      max_tokens: 16,
      messages: [
        { role: "user", content: "How tall is the tower of Orrin?" },
        { role: "assistant", content: "61 metres" },
        { role: "user", content: "Who built it?" },
      ],
      ...{ include_evidence: true },
    });
    const { context } = choices[0]!.message as unknown as {
      context: { query: string; passages: { used: boolean }[] };
    };
    assert.match(context.query, /Who built it\? .*Orrin/);
    assert.equal(context.passages[0]?.used, true);
  });

  test("echo scores a text as generation scores the same tokens", async () => {
    const prompt = "The capital of France is";
    const made = await client.completions.create({
      model: "base",
      prompt,
      max_tokens: 3,
      logprobs: 1,
    });
    const text = `${prompt}${made.choices[0]!.text}`;
    const scored = await client.completions.create({
      model: "base",
      prompt: text,
      max_tokens: 0,
      echo: true,
      logprobs: 1,
    });
    const scores = scored.choices[0]!.logprobs!;
    assert.equal(scored.choices[0]?.text, text);
    assert.equal(scores.token_logprobs?.[0], null);
    assert.equal(scores.tokens?.join(""), text);
    const own = made.choices[0]!.logprobs!.token_logprobs!;
    for (const [index, value] of scores.token_logprobs!.slice(-3).entries()) {
      // The activations are rounded to 8 bits, differently for one token and for many.
      assert.ok(Math.abs(value! - own[index]!) < 0.3, `${value} against ${own[index]}`);
      const best = Math.max(...Object.values(scores.top_logprobs!.at(index - 3)!));
      assert.ok(best >= value!);
    }
  });

  test("what a conversation began with is not read again, and changes nothing", async () => {
    const text = `Remember this: ${"the tower of Orrin is 61 metres tall. ".repeat(12)}`;
    const first = await ask("base", text);
    const again = await ask("base", text);
    assert.ok((again.usage?.prompt_tokens_details?.cached_tokens ?? 0) >= 64);
    assert.equal(again.choices[0]?.message.content, first.choices[0]?.message.content);
    assert.equal(again.usage?.prompt_tokens, first.usage?.prompt_tokens);
    const prompt = { model: "base", prompt: text, max_tokens: 4 };
    await client.completions.create(prompt);
    const { usage } = await client.completions.create(prompt);
    assert.ok((usage?.prompt_tokens_details?.cached_tokens ?? 0) >= 64);
  });

  test("top_logprobs names the likeliest tokens, the chosen one of a greedy answer first", async () => {
    const { choices } = await ask("base", "Name the capital of France.", {
      max_tokens: 2,
      logprobs: true,
      top_logprobs: 3,
    });
    for (const { token, logprob, top_logprobs } of choices[0]!.logprobs!.content!) {
      assert.equal(top_logprobs.length, 3);
      assert.equal(top_logprobs[0]?.token, token);
      assert.equal(top_logprobs[0]?.logprob, logprob);
      assert.ok(top_logprobs[1]!.logprob >= top_logprobs[2]!.logprob);
    }
  });

  test("prompt_embeds of a text's own embeddings answer as the text does", async () => {
    const generator = await workspace.generator();
    const text = "Name the capital of France.";
    const ids = generator.model.tokenizer.encode(text);
    const data = await generator.embeddings(ids);
    const shape = [ids.length, generator.model.config.width];
    const encoded = Buffer.from(writeTorchTensor({ shape, data })).toString("base64");
    const plain = await ask("base", text);
    const embedded = await ask("base", [{ type: "prompt_embeds", data: encoded }]);
    assert.equal(embedded.choices[0]?.message.content, plain.choices[0]?.message.content);
    assert.equal(embedded.usage?.prompt_tokens, plain.usage?.prompt_tokens);
    const between = await ask("base", [
      { type: "text", text: "Name the capital" },
      {
        type: "prompt_embeds",
        data: Buffer.from(
          writeTorchTensor({ shape: [1, shape[1]!], data: data.slice(-2 * shape[1]!, -shape[1]!) }),
        ).toString("base64"),
      },
      { type: "prompt_embeds", data: encoded },
    ]);
    assert.equal(between.choices[0]?.finish_reason !== null, true);
    const wrong = Buffer.from(writeTorchTensor({ shape: [1, 8], data: new Float32Array(8) }));
    await assert.rejects(ask("base", [{ type: "prompt_embeds", data: wrong.toString("base64") }]), {
      status: 400,
      param: "messages[0].content[0].data",
      message: /rows of 576 numbers/,
    });
  });

  test("prompt_embeds continue without any text", async () => {
    const generator = await workspace.generator();
    const ids = generator.model.tokenizer.encode("The capital of France is");
    const data = await generator.embeddings(ids);
    const shape = [ids.length, generator.model.config.width];
    const prompt_embeds = Buffer.from(writeTorchTensor({ shape, data })).toString("base64");
    const request = { model: "base", max_tokens: 4 };
    const embedded = await client.completions.create({
      ...request,
      prompt: null as unknown as string,
      ...{ prompt_embeds },
    });
    const plain = await client.completions.create({ ...request, prompt: [ids] });
    assert.equal(embedded.choices[0]?.text, plain.choices[0]?.text);
  });

  test("a context that is too long is 400 with both numbers", async () => {
    await assert.rejects(ask("base", "word ".repeat(20_000)), {
      status: 400,
      code: "context_length_exceeded",
      message:
        /maximum context length is \d+ tokens, however more than \d+ .*more than \d+ in the messages/,
    });
  });
});
