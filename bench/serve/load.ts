import { percentile, type StreamedQuestion, streamAnswer } from "./client.ts";

export interface LoadResult {
  readonly seconds: number;
  /** Requests a second that were sent, and what the server answers when it has as many as it works on at once. */
  readonly offered: number;
  readonly capacity: number;
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
  /** Answers a second under load, as a share of the capacity. */
  readonly goodput: number;
  readonly refusedP99Ms: number;
  readonly healthP99Ms: number;
  readonly firstTokenP50Ms: number;
}

const HEALTH_EVERY_MS = 50;
/** Before counting, so that it starts with a server in full work. */
const RAMP_MS = 10_000;

/** Which question is asked as the n-th. */
export type NextQuestion = (index: number) => StreamedQuestion;

/** Closed loop: answers a second with always as many requests under way as it works on at once. */
export async function answersPerSecond(
  url: string,
  load: { readonly ask: NextQuestion; readonly streams: number; readonly seconds: number },
): Promise<number> {
  const countsFrom = performance.now() + RAMP_MS;
  const countsTo = countsFrom + load.seconds * 1000;
  let asked = 0;
  let counted = 0;
  const client = async () => {
    while (performance.now() < countsTo) {
      const { status } = await streamAnswer(url, load.ask(asked++));
      const now = performance.now();
      if (status === 200 && now >= countsFrom && now < countsTo) counted++;
    }
  };
  await Promise.all(Array.from({ length: load.streams }, client));
  return counted / load.seconds;
}

/**
 * Open loop: requests are sent at a fixed rate, however long answers take. The server must go on answering at its own pace, refuse the rest
 * at once, and stay reachable. What ends after the ramp and before the end is counted.
 */
export async function overload(
  url: string,
  load: {
    readonly ask: NextQuestion;
    readonly capacity: number;
    readonly factor: number;
    readonly seconds: number;
  },
): Promise<LoadResult> {
  const { ask, capacity, seconds } = load;
  const offered = capacity * load.factor;
  const started = performance.now();
  const countsFrom = started + RAMP_MS;
  const countsTo = countsFrom + seconds * 1000;
  const health: number[] = [];
  const pulse = setInterval(async () => {
    const asked = performance.now();
    await fetch(`${url}/healthz`).then((response) => response.arrayBuffer());
    health.push(performance.now() - asked);
  }, HEALTH_EVERY_MS);
  const ended = async (index: number) => {
    const answer = await streamAnswer(url, ask(index));
    return { ...answer, endedAt: performance.now() };
  };
  const sent: ReturnType<typeof ended>[] = [];
  while (performance.now() < countsTo) {
    sent.push(ended(sent.length));
    const next = started + (sent.length * 1000) / offered;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  const all = await Promise.all(sent);
  clearInterval(pulse);
  const counted = all.filter(({ endedAt }) => endedAt >= countsFrom && endedAt < countsTo);
  const answered = counted.filter(({ status }) => status === 200);
  const refused = counted.filter(({ status }) => status === 429);
  return {
    seconds,
    offered,
    capacity,
    answered: answered.length,
    refused: refused.length,
    failed: all.filter(({ status }) => status !== 200 && status !== 429).length,
    goodput: answered.length / seconds / capacity,
    refusedP99Ms: percentile(
      refused.map(({ totalMs }) => totalMs),
      0.99,
    ),
    healthP99Ms: percentile(health, 0.99),
    firstTokenP50Ms: percentile(
      answered.map(({ firstTokenMs }) => firstTokenMs),
      0.5,
    ),
  };
}
