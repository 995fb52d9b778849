import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeMachine, type Machine } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { median, type StreamedAnswer, streamAnswer } from "./client.ts";
import { overload } from "./load.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const STREAMS = 8;
const TOKENS = 64;
const OVERLOAD_TOKENS = 16;
const OVERLOAD_SECONDS = 60;
const ROUNDS = 3;

/**
 * The server over the demo documents: streams together against one alone, first token with passages read before against new ones, and
 * twice as many requests as it can answer. Ratios within one run.
 */
export async function bench({ say }: BenchOptions): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-bench-serve-"));
  const machine = describeMachine();
  const store = join(folder, "store");
  try {
    say("ingesting the demo documents");
    await ended(foreword(["ingest", "demo/documents", "--store", store, "--quiet"]));
    const server = await startServer(store);
    try {
      const questions = await demoQuestions();
      const together = await streamsTogether(server.url, say);
      const firstToken = await firstTokens(server.url, questions, say);
      const capacity = await answersPerSecond(server.url, questions, say);
      say(`twice its capacity of ${capacity.toFixed(2)} answers/s for ${OVERLOAD_SECONDS} s`);
      const load = await overload(server.url, {
        questions,
        maxTokens: OVERLOAD_TOKENS,
        capacity,
        factor: 2,
        seconds: OVERLOAD_SECONDS,
      });
      const result = { machine, together, firstToken, load };
      return { result, lines: linesOf(result) };
    } finally {
      server.child.kill("SIGTERM");
      await once(server.child, "exit");
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const foreword = (commandArguments: readonly string[]): ChildProcess =>
  spawn(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), "pipeline/main.ts", ...commandArguments],
    { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] },
  );

async function ended(child: ChildProcess): Promise<void> {
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`foreword ended with ${code}`);
}

async function startServer(store: string): Promise<{ child: ChildProcess; url: string }> {
  const flags = ["--port", "0", "--store", store, "--quiet"];
  const child = foreword(["serve", ...flags, "--parallel", String(STREAMS), "--queue", "8"]);
  const [line] = await once(child.stdout!.setEncoding("utf8"), "data");
  return { child, url: (JSON.parse(line as string) as { url: string }).url };
}

async function demoQuestions(): Promise<string[]> {
  const text = await readFile(join(ROOT, "demo", "qa-test.jsonl"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { question: string }).question);
}

/** Tokens a second of one stream and of {@link STREAMS} at once, in turns. */
async function streamsTogether(url: string, say: BenchOptions["say"]) {
  const question = "Write a long story about the sea.";
  const ask = () => streamAnswer(url, { model: "base", question, maxTokens: TOKENS });
  const rate = async (count: number) => {
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: count }, ask));
    const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
    return (tokens / (performance.now() - started)) * 1000;
  };
  await rate(1);
  const one: number[] = [];
  const many: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await rate(1));
    many.push(await rate(STREAMS));
    say(`tokens/s: ${one.at(-1)!.toFixed(1)} alone, ${many.at(-1)!.toFixed(1)} together`);
  }
  const [alone, together] = [median(one), median(many)];
  return { streams: STREAMS, alone, together, ratio: together / alone };
}

/** First token of questions whose passages are new, then of the same questions again. */
async function firstTokens(url: string, questions: readonly string[], say: BenchOptions["say"]) {
  const some = questions.filter((_, index) => index % 23 === 0).slice(0, 8);
  const ask = async () => {
    const answers: StreamedAnswer[] = [];
    for (const question of some) {
      answers.push(await streamAnswer(url, { model: "foreword@none", question, maxTokens: 4 }));
    }
    return median(answers.map(({ firstTokenMs }) => firstTokenMs));
  };
  const coldMs = await ask();
  const repeatedMs = await ask();
  say(`first token: ${coldMs.toFixed(0)} ms cold, ${repeatedMs.toFixed(0)} ms repeated`);
  return { coldMs, repeatedMs, ratio: coldMs / repeatedMs };
}

/** Answers a second with as many requests under way as it takes. */
async function answersPerSecond(
  url: string,
  questions: readonly string[],
  say: BenchOptions["say"],
): Promise<number> {
  const count = 4 * STREAMS;
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const question = questions[(next++ * 7) % questions.length]!;
      await streamAnswer(url, { model: "foreword@none", question, maxTokens: OVERLOAD_TOKENS });
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: STREAMS }, worker));
  const rate = (count / (performance.now() - started)) * 1000;
  say(`capacity: ${rate.toFixed(2)} answers/s`);
  return rate;
}

function linesOf({
  machine,
  together,
  firstToken,
  load,
}: {
  readonly machine: Machine;
  readonly together: Awaited<ReturnType<typeof streamsTogether>>;
  readonly firstToken: Awaited<ReturnType<typeof firstTokens>>;
  readonly load: Awaited<ReturnType<typeof overload>>;
}): string[] {
  return [
    `load before: ${machine.load} on ${machine.cores} cores`,
    `${together.streams} streams together: ${together.ratio.toFixed(2)} times the tokens/s of one`,
    `first token, repeated passages: ${firstToken.ratio.toFixed(1)} times sooner`,
    `at ${(load.offered / load.capacity).toFixed(1)} times capacity: goodput ${(100 * load.goodput).toFixed(0)}%, ${load.refused} refused (p99 ${load.refusedP99Ms.toFixed(0)} ms), ${load.failed} failed, healthz p99 ${load.healthP99Ms.toFixed(0)} ms`,
  ];
}
