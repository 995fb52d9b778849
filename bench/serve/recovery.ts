import { median, type StreamedQuestion, streamAnswer } from "./client.ts";

const LEAVERS = 8;
const STORY: StreamedQuestion = {
  model: "base",
  question: "Write a very long story about the sea.",
  maxTokens: 1500,
};

/** Milliseconds until a sequence is out of the batch after its client went away, with others running. */
export interface LeavingResult {
  readonly medianMs: number;
  readonly maxMs: number;
}

export async function leaveOneByOne(url: string): Promise<LeavingResult> {
  const clients = Array.from({ length: LEAVERS }, () => new AbortController());
  const streams = clients.map(({ signal }) => streamAnswer(url, STORY, signal).catch(() => 0));
  await untilRunning(url, (running) => running === LEAVERS);
  const times: number[] = [];
  for (const [index, client] of clients.entries()) {
    const left = performance.now();
    client.abort();
    await untilRunning(url, (running) => running === LEAVERS - index - 1);
    times.push(performance.now() - left);
  }
  await Promise.all(streams);
  return { medianMs: median(times), maxMs: Math.max(...times) };
}

/** From the death of the engine's thread. */
export interface DeathResult {
  /** Of the request that was being answered. */
  readonly lostStatus: number;
  /** Milliseconds until that client knew, and until the next request was answered whole. */
  readonly toldMs: number;
  readonly answeredMs: number;
}

/** `kill`: lets the thread die. */
export async function engineDeath(url: string, kill: () => void): Promise<DeathResult> {
  const began = performance.now();
  const lost = streamAnswer(url, STORY).then(({ status }) => ({ status, at: performance.now() }));
  await untilRunning(url, (running) => running === 1);
  const died = performance.now();
  kill();
  const { status, at } = await lost;
  if (at < died) throw new Error(`the story ended after ${at - began} ms, before the engine died`);
  await streamAnswer(url, { ...STORY, maxTokens: 1 });
  return { lostStatus: status, toldMs: at - died, answeredMs: performance.now() - died };
}

async function untilRunning(url: string, isReached: (running: number) => boolean): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const running = /^foreword_engine_running (\d+)/m.exec(text)?.[1];
    if (running !== undefined && isReached(Number(running))) return;
  }
}
