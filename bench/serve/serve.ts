import { mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";
import { describeMachine, type Machine } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import type { StreamedQuestion } from "./client.ts";
import { type LoadResult, type NextQuestion, overload } from "./load.ts";
import { type MemoryResult, watchMemory } from "./memory.ts";
import { type DeathResult, engineDeath, type LeavingResult, leaveOneByOne } from "./recovery.ts";
import { runForeword, startForeword, startPeer } from "./served-process.ts";
import {
  type FirstTokens,
  firstTokens,
  STREAMS,
  type StreamRates,
  streamsTogether,
} from "./streams.ts";

const DEMO = join(import.meta.dirname, "..", "..", "demo");
const ANSWER_TOKENS = 16;
const OVERLOAD = 2;
/** Questions whose passages the cache holds together. */
const KNOWN_QUESTIONS = 8;
/** About 600 tokens. */
const PASSAGE_CHARACTERS = 2500;

interface ServeResult {
  readonly machine: Machine;
  readonly threads: number;
  readonly together: StreamRates;
  readonly firstToken: FirstTokens;
  readonly readText: FirstTokens;
  readonly load: LoadResult;
  readonly leaving: LeavingResult;
  readonly death: DeathResult;
  readonly memory: MemoryResult | undefined;
  /** node-llama-cpp behind express: the same requests to the bare model. */
  readonly peer: { readonly together: StreamRates; readonly readText: FirstTokens } | undefined;
}

/**
 * The server over the demo documents: streams together against one alone, first token with passages read before against new ones, and
 * twice as many requests as it can answer; clients that leave and an engine that dies. With `--soak` its memory over ten minutes of load; with `--llama-cpp` the peer beside it.
 */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-bench-serve-"));
  try {
    const peer = options.llamaCpp ? await measurePeer(options, options.llamaCpp) : undefined;
    const own = await measureForeword(options, join(folder, "store"));
    requireSamePrompts(own.readText, peer?.readText);
    const { threads } = options;
    const result = { machine: describeMachine(), threads, ...own, peer };
    return { result, lines: linesOf(result) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is compared must be the same. */
function requireSamePrompts(own: FirstTokens, peer: FirstTokens | undefined): void {
  if (!peer || own.promptTokens === peer.promptTokens) return;
  throw new Error(`the peer's prompt has ${peer.promptTokens} tokens, ours ${own.promptTokens}`);
}

async function measurePeer({ say, threads }: BenchOptions, folder: string) {
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const { weightsPath: gguf } = await resolveModel("smollm2-135m-instruct", { cacheFolder });
  const server = await startPeer({ folder, gguf, threads, streams: STREAMS });
  try {
    say("node-llama-cpp behind express");
    const together = await streamsTogether(server.url);
    return { together, readText: await firstTokensOfTexts(server.url) };
  } finally {
    await server.stop();
  }
}

async function measureForeword({ say, threads, seconds, isSoak }: BenchOptions, store: string) {
  say("ingesting the demo documents");
  await runForeword(["ingest", join(DEMO, "documents"), "--store", store, "--quiet"]);
  const flags = ["--store", store, "--threads", String(threads)];
  const limits = ["--parallel", String(STREAMS), "--queue", String(STREAMS)];
  const server = await startForeword([...flags, ...limits]);
  const { url } = server;
  try {
    say("streams and first tokens");
    const together = await streamsTogether(url);
    const readText = await firstTokensOfTexts(url);
    const questions = await demoQuestions();
    const known = questions.slice(0, KNOWN_QUESTIONS);
    const brief = known.map((question) => ({ ...question, maxTokens: 4 }));
    const firstToken = await firstTokens(url, brief, brief);
    const memory = watchMemory(url);
    const load = await overload(url, {
      ask: drawnFrom(known),
      streams: STREAMS,
      seconds,
      factor: OVERLOAD,
      say,
    });
    if (isSoak) say("load until ten minutes are over");
    const soaked = isSoak
      ? await memory.untilTenMinutes({ ask: drawnFrom(questions), streams: STREAMS })
      : undefined;
    const leaving = await leaveOneByOne(url);
    const death = await engineDeath(url, () => server.killEngine());
    return { together, readText, firstToken, load, memory: soaked, leaving, death };
  } finally {
    await server.stop();
  }
}

function drawnFrom(questions: readonly StreamedQuestion[]): NextQuestion {
  const random = new Random(1);
  return () => questions[random.integer(questions.length)]!;
}

/** Of the demo's test set, far from each other, so that their passages differ. */
async function demoQuestions(): Promise<StreamedQuestion[]> {
  const text = await readFile(join(DEMO, "qa-test.jsonl"), "utf8");
  const all = text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { question: string }).question);
  const stride = 23;
  return all.map((_, index) => ({
    model: "foreword@none",
    question: all[(index * stride) % all.length]!,
    maxTokens: ANSWER_TOKENS,
  }));
}

/** A long text and a question, to the bare model: what another server can be asked too. */
async function firstTokensOfTexts(url: string): Promise<FirstTokens> {
  const names = ["brinewell", "caddow-expedition-1846", "church-of-saint-oda"];
  const texts = await Promise.all(
    names.map((name) => readFile(join(DEMO, "documents", `${name}.md`), "utf8")),
  );
  const ask = (question: string) =>
    texts.map((text) => ({
      model: "base",
      question: `${text.slice(0, PASSAGE_CHARACTERS)}\n\n${question}`,
      maxTokens: 4,
    }));
  return firstTokens(url, ask("What is this about?"), ask("Which year is named first?"));
}

function linesOf(result: ServeResult): string[] {
  const { machine, together, firstToken, readText, load, leaving, death, memory, peer } = result;
  const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
  const beside = (own: number, other: number | undefined) =>
    other === undefined ? own.toFixed(0) : `${own.toFixed(0)} (node-llama-cpp ${other.toFixed(0)})`;
  return [
    `load before: ${machine.load} on ${machine.cores} cores`,
    `tokens/s: ${beside(together.alone, peer?.together.alone)} alone, ${beside(together.together, peer?.together.together)} of ${together.streams} streams together: ${together.ratio.toFixed(2)} times`,
    `first token of a text of ${readText.promptTokens} tokens, ms: ${beside(readText.coldMs, peer?.readText.coldMs)} new, ${beside(readText.repeatedMs, peer?.readText.repeatedMs)} read before`,
    `first token of a question to the documents: ${firstToken.ratio.toFixed(1)} times sooner with passages read before`,
    `at ${OVERLOAD} times its capacity of ${load.capacityBefore.toFixed(2)} answers/s (${load.capacityAfter.toFixed(2)} after): goodput ${percent(load.goodput)}, ${load.refused} refused (p99 ${load.refusedP99Ms.toFixed(0)} ms), ${load.failed} failed, healthz p99 ${load.healthP99Ms.toFixed(0)} ms`,
    `a client that leaves is out of the batch after ${leaving.medianMs.toFixed(0)} ms (at most ${leaving.maxMs.toFixed(0)})`,
    `after the engine's death its client knows in ${death.toldMs.toFixed(0)} ms, the next is answered in ${death.answeredMs.toFixed(0)} ms`,
    ...(memory
      ? [`memory after ten minutes of load: ${percent(memory.ratio)} of that after one`]
      : []),
  ];
}
