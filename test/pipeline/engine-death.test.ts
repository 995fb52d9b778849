import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { startForeword } from "./foreword.ts";

const STORY = { role: "user", content: "Write a very long story about the sea." } as const;

describe("a served process whose engine dies", () => {
  let folder: string;
  let server: ChildProcess;
  let url: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-death-"));
    const cache = defaultCacheFolder(process.env, process.platform, homedir());
    const preload = new URL("./mortal-engine.mjs", import.meta.url);
    server = startForeword(
      ["serve", "--port", "0", "--store", folder, "--cache", cache, "--quiet"],
      { environment: { NODE_OPTIONS: `--import ${preload.href}` } },
    );
    const line = await new Promise<string>((resolve) => {
      server.stdout!.setEncoding("utf8").once("data", resolve);
    });
    url = (JSON.parse(line) as { url: string }).url;
  });
  after(async () => {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (maxTokens: number, isStream = false) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "base",
        messages: [STORY],
        max_tokens: maxTokens,
        stream: isStream,
      }),
    });

  const metric = async (name: string): Promise<number | undefined> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const found = new RegExp(`^foreword_${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };

  test("its requests get 503, its streams are told, the next request is answered by a new one", async () => {
    const whole = ask(1500);
    const stream = await ask(1500, true);
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value ?? "";
    while ((await metric("engine_running")) !== 2) await reader.read();
    server.kill("SIGUSR2");
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    assert.match(text, /data: \{"error":\{.*"type":"server_error"/);
    const lost = await whole;
    assert.equal(lost.status, 503);
    assert.equal(lost.headers.get("retry-after"), "1");
    const next = await ask(4);
    assert.equal(next.status, 200);
    assert.equal(await metric("engine_restarts_total"), 1);
    assert.equal(await metric("queue_running"), 0);
  });

  test("one that dies while nobody asks is replaced too", async () => {
    server.kill("SIGUSR2");
    while ((await metric("engine_restarts_total")) !== 2) assert.equal(server.exitCode, null);
    assert.equal((await ask(4)).status, 200);
  });
});
