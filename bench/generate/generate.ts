import { homedir } from "node:os";
import { Random } from "../../core/index.ts";
import { Generator, GREEDY } from "../../generator/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";
import { best, describeMachine } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { LlamaCppProcess, type Timing } from "../peers/llama-cpp-process.ts";
import { build, measureStart } from "./start.ts";

const PREFILL = 570;
const CACHED = 640;
const TOKENS = 24;
const BATCH = 8;
const ROUNDS = 4;
const CONTEXT = 2048;

/** Prefill, decoding, start and memory, ours beside node-llama-cpp's, round after round on the same token ids. */
export async function bench({ say, llamaCpp, threads }: BenchOptions): Promise<BenchResult> {
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const resolved = await resolveModel("smollm2-135m-instruct", { cacheFolder });
  const options = { cacheFolder, threads, contextLength: CONTEXT };
  say("start to first token");
  const starts = await measureStarts(llamaCpp, resolved.weightsPath, threads);
  const generator = await Generator.open(resolved, options);
  const peer = llamaCpp
    ? await LlamaCppProcess.open(llamaCpp, resolved.weightsPath, threads)
    : undefined;
  try {
    await run(generator, threads, [1], 1);
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      say(`round ${round + 1} of ${ROUNDS}`);
      rounds.push(await measureRound(generator, peer, threads, round));
    }
    return report({ starts, rounds, threads });
  } finally {
    peer?.close();
    await generator.close();
  }
}

interface Starts {
  readonly ours: number;
  readonly peer: number | undefined;
}

/** In turns, each in a fresh process. The first of ours writes what is kept on disk. */
async function measureStarts(
  llamaCpp: string | undefined,
  gguf: string,
  threads: number,
): Promise<Starts> {
  await build();
  await measureStart(threads, CONTEXT);
  const [ours, peers]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await measureStart(threads, CONTEXT));
    if (!llamaCpp) continue;
    const peer = await LlamaCppProcess.open(llamaCpp, gguf, threads);
    peers.push(peer.start);
    peer.close();
  }
  return { ours: best(ours), peer: llamaCpp ? best(peers) : undefined };
}

interface Round {
  readonly prefill: Timing;
  readonly decode: Timing;
  /** Seconds for each token of a batch. */
  readonly batchToken: number;
  readonly rss: number;
  readonly peer: { readonly prefill: Timing; readonly decode: Timing } | undefined;
}

async function measureRound(
  generator: Generator,
  peer: LlamaCppProcess | undefined,
  threads: number,
  round: number,
): Promise<Round> {
  const random = new Random(round + 1);
  const ids = (count: number) => Array.from({ length: count }, () => 100 + random.integer(40_000));
  const [short, long] = [ids(PREFILL), ids(CACHED)];
  const prefill = await run(generator, threads, short, 1);
  const peerPrefill = await peer?.run(short, 1);
  const decode = await run(generator, threads, long, TOKENS);
  const peerDecode = await peer?.run(long, TOKENS);
  const { rss } = process.memoryUsage();
  const batchToken = await runBatch(generator, threads, long);
  return {
    prefill,
    decode,
    batchToken,
    rss,
    peer: peerPrefill && peerDecode ? { prefill: peerPrefill, decode: peerDecode } : undefined,
  };
}

/** One sequence: the prompt, then tokens without regard to their meaning. */
async function run(
  generator: Generator,
  threads: number,
  ids: readonly number[],
  maxTokens: number,
): Promise<Timing> {
  const began = now(threads);
  let first = 0;
  for await (const _ of generator.generate(request([], ids, maxTokens))) first ||= now(threads);
  const decode = (now(threads) - first) / Math.max(1, maxTokens - 1);
  return { prompt: first - began, decode, rss: process.memoryUsage().rss };
}

/** Seconds per token while all of a batch are decoded: their prompts are alike but for the last token, so that they start together. */
async function runBatch(
  generator: Generator,
  threads: number,
  ids: readonly number[],
): Promise<number> {
  const stamps: number[][] = [];
  const prefix = ids.slice(0, -1);
  for await (const _ of generator.generate(request(prefix, [1], 1)));
  await Promise.all(
    Array.from({ length: BATCH }, async (_, index) => {
      const own: number[] = [];
      stamps.push(own);
      const last = [200 + index];
      for await (const _ of generator.generate(request(prefix, last, 2 * TOKENS))) {
        own.push(now(threads));
      }
    }),
  );
  const from = Math.max(...stamps.map((own) => own[0]!));
  const to = Math.min(...stamps.map((own) => own.at(-1)!));
  const between = stamps.flat().filter((stamp) => stamp > from && stamp <= to).length;
  return (to - from) / between;
}

const request = (prefixIds: readonly number[], ids: readonly number[], maxTokens: number) => ({
  prefixIds,
  ids,
  maxTokens,
  stopIds: [],
  sampling: GREEDY,
});

/** Seconds, to be subtracted from each other: processor time with one thread, which others hardly change, else the clock's. */
function now(threads: number): number {
  const { user, system } = process.cpuUsage();
  return threads === 1 ? (user + system) / 1e6 : performance.now() / 1e3;
}

function report(measured: {
  readonly starts: Starts;
  readonly rounds: readonly Round[];
  readonly threads: number;
}): BenchResult {
  const { starts, rounds, threads } = measured;
  const of = (pick: (round: Round) => number | undefined) => {
    const values = rounds.map(pick).filter((value) => value !== undefined);
    return values.length > 0 ? best(values) : undefined;
  };
  const decode = of((round) => round.decode.decode)!;
  const batchToken = of((round) => round.batchToken)!;
  const rows = [
    row(
      "prefill",
      of((r) => r.prefill.prompt)!,
      of((r) => r.peer?.prefill.prompt),
    ),
    row(
      "decodeToken",
      decode,
      of((r) => r.peer?.decode.decode),
    ),
    row("start", starts.ours, starts.peer),
  ];
  const result = {
    machine: describeMachine(),
    threads,
    measure: threads === 1 ? "processor seconds" : "seconds by the clock",
    setting: { prefillTokens: PREFILL, cachedTokens: CACHED, decoded: TOKENS, rounds: ROUNDS },
    ...Object.fromEntries(rows),
    batch: { sequences: BATCH, secondsPerToken: batchToken, timesSingle: decode / batchToken },
    residentMiB: {
      ours: Math.round(of((r) => r.rss)! / 2 ** 20),
      peer: mebibytes(of((r) => r.peer?.decode.rss)),
    },
  };
  return { lines: [JSON.stringify(result, null, 2)], result };
}

const mebibytes = (bytes: number | undefined) =>
  bytes === undefined ? undefined : Math.round(bytes / 2 ** 20);

const row = (name: string, ours: number, peer: number | undefined) =>
  [name, { ours, peer, timesFaster: peer === undefined ? undefined : peer / ours }] as const;
