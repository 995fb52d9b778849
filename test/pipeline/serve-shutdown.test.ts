import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describeMachine } from "../../bench/machine.ts";
import { errorMessage, groupBy, writeFileAtomic } from "../../core/index.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { startForeword } from "./foreword.ts";

/** By hand it is a measurement, whose result is kept: TEST_SHUTDOWNS=20. (FOREWORD_ is for settings: the command line refuses others.) */
const MEASURED = process.env["TEST_SHUTDOWNS"];
const RESULT = join(import.meta.dirname, "..", "..", "bench", "results", "shutdown.json");
const STREAMS = 6;
/** From the signal to the process's end, 10 s are promised; half a second is for noticing it. One round has to be in time, and all in this. */
const PROMISED_SECONDS = 10.5;
const LONGEST_SECONDS = 15;
/** On any machine, and less than the answers would take to their own ends. */
const HUNG_SECONDS = 60;
/** Streams have a second to be told. Where the whole machine stood still for so long, the round is had again. */
const ATTEMPTS = 3;

/** How a stream came to its end, by its last words. */
const ENDS = { whole: /data: \[DONE\]\s*$/, told: /"error":\{.*\}\s*$/, refused: /^503$/ };
type End = keyof typeof ENDS | "cut";

interface Round {
  readonly exitCode: number | null;
  readonly seconds: number;
  readonly ends: readonly End[];
}

test("SIGTERM under load: exit 0 within the time given, every stream ended or told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-shutdown-"));
  try {
    if (MEASURED === undefined) await requireTold(folder);
    else await measure(folder, Number(MEASURED));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function requireTold(store: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { exitCode, seconds, ends } = await shutDownOnce(store);
    assert.equal(exitCode, 0);
    assert.ok(seconds <= HUNG_SECONDS, `it took ${seconds} s`);
    if (!ends.includes("cut")) return;
    assert.ok(attempt < ATTEMPTS, `streams were cut without a word: ${ends.join(", ")}`);
  }
}

async function measure(store: string, count: number): Promise<void> {
  const rounds: Round[] = [];
  while (rounds.length < count) rounds.push(await shutDownOnce(store));
  const result = summary(rounds);
  await writeFileAtomic(RESULT, `${JSON.stringify(result, null, 2)}\n`);
  assert.deepEqual(result.exitCodes, { 0: rounds.length });
  assert.equal(result.streams["cut"], undefined, "streams were cut without a word");
  const took = `it took ${result.secondsToExit.join(", ")} s`;
  assert.ok(result.shortestSeconds <= PROMISED_SECONDS, took);
  assert.ok(result.longestSeconds <= LONGEST_SECONDS, took);
}

async function shutDownOnce(store: string): Promise<Round> {
  const cache = defaultCacheFolder(process.env, process.platform, homedir());
  const child = startForeword([
    "serve",
    "--port",
    "0",
    "--store",
    store,
    "--cache",
    cache,
    "--quiet",
  ]);
  const line = await new Promise<string>((resolve) => {
    child.stdout!.setEncoding("utf8").once("data", resolve);
  });
  const { url } = JSON.parse(line) as { url: string };
  const streams = Array.from({ length: STREAMS }, () => openStream(url));
  await Promise.any(streams.map(({ begun }) => begun));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const asked = performance.now();
  child.kill("SIGTERM");
  const exitCode = await ended;
  const seconds = (performance.now() - asked) / 1000;
  const texts = await Promise.all(streams.map(({ whole }) => whole));
  return { exitCode, seconds, ends: texts.map(endOf) };
}

const endOf = (text: string): End =>
  (Object.keys(ENDS) as (keyof typeof ENDS)[]).find((end) => ENDS[end].test(text)) ?? "cut";

function summary(rounds: readonly Round[]) {
  const seconds = rounds.map((round) => Number(round.seconds.toFixed(2))).sort((a, b) => a - b);
  return {
    machine: describeMachine(),
    rounds: rounds.length,
    streamsPerRound: STREAMS,
    exitCodes: counts(rounds.map(({ exitCode }) => String(exitCode))),
    streams: counts(rounds.flatMap(({ ends }) => ends)),
    secondsToExit: seconds,
    shortestSeconds: seconds[0]!,
    medianSeconds: seconds[Math.floor(seconds.length / 2)]!,
    longestSeconds: seconds.at(-1)!,
  };
}

const counts = (words: readonly string[]): Record<string, number> =>
  Object.fromEntries([...groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));

/** A long answer: when it has begun, and all of what came; "503" where it was refused, the reason where it broke. */
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
  // Of a connection that breaks only the reason is left, which is no end.
  return { begun, whole: read().catch(errorMessage) };
}
