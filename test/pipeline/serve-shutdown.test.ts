import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { startForeword } from "./foreword.ts";

/** More by hand: TEST_SHUTDOWNS=20. (FOREWORD_ is for settings: the command line refuses others.) */
const ROUNDS = Number(process.env["TEST_SHUTDOWNS"] ?? 1);
const STREAMS = 6;

test("SIGTERM under load: exit 0 within the time given, every stream ended or told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-shutdown-"));
  const cache = defaultCacheFolder(process.env, process.platform, homedir());
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const flags = ["--store", folder, "--cache", cache, "--quiet"];
      const child = startForeword(["serve", "--port", "0", ...flags]);
      const line = await new Promise<string>((resolve) => {
        child.stdout!.setEncoding("utf8").once("data", resolve);
      });
      const { url } = JSON.parse(line) as { url: string };
      const streams = Array.from({ length: STREAMS }, () => openStream(url));
      await Promise.any(streams.map(({ begun }) => begun));
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
      const asked = performance.now();
      child.kill("SIGTERM");
      assert.equal(await ended, 0);
      assert.ok(performance.now() - asked < 15_000, "took longer than its grace");
      for (const { whole } of streams) {
        const text = await whole;
        assert.match(text, /data: \[DONE\]|"error":\{|^503$/, text.slice(-200));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** A long answer: when it has begun, and all of what came; "503" where it was refused. */
function openStream(url: string): { begun: Promise<void>; whole: Promise<string> } {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const read = async () => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "base",
        stream: true,
        max_tokens: 1500,
        messages: [{ role: "user", content: "Write a very long story about the sea." }],
      }),
    });
    if (!response.ok) return String(response.status);
    let text = "";
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      begin();
    }
    return text;
  };
  return { begun, whole: read() };
}
