import { percentile, type StreamedQuestion, streamAnswer } from "./client.ts";

export interface LoadResult {
  readonly seconds: number;
  /** Requests a second that were sent. */
  readonly offered: number;
  /** Answers a second when it has as many as it works on at once: before the load and after it, as machines change their pace. */
  readonly capacityBefore: number;
  readonly capacityAfter: number;
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
  /** Answers a second under load, as a share of the mean of both capacities. */
  readonly goodput: number;
  readonly refusedP99Ms: number;
  readonly healthP99Ms: number;
  readonly firstTokenP50Ms: number;
}

/** Often enough for a 99th percentile; twenty a second took from a slow machine some of the answers that are counted. */
const HEALTH_EVERY_MS = 250;
/** Before counting, so that it starts with a server in full work. */
const RAMP_MS = 10_000;

/** Drawn at random: in turns, a rate of twice the capacity would have the same questions answered and the same ones refused. */
export type NextQuestion = () => StreamedQuestion;

interface Load {
  readonly ask: NextQuestion;
  /** As many as it works on at once. */
  readonly streams: number;
  /** For how long what ends is counted. */
  readonly seconds: number;
}

/** The load between two measurements of the capacity, each of half its time. */
export async function overload(
  url: string,
  {
    factor,
    say,
    ...load
  }: Load & { readonly factor: number; readonly say: (line: string) => void },
): Promise<LoadResult> {
  const brief = { ...load, seconds: load.seconds / 2 };
  const capacityBefore = await answersPerSecond(url, brief);
  const offered = factor * capacityBefore;
  say(`${offered.toFixed(1)} requests/s for ${load.seconds} s, ${factor} times what it answers`);
  const { counted, ...rest } = await sendAtRate(url, { ...load, offered });
  const capacityAfter = await answersPerSecond(url, brief);
  const answered = counted.filter(({ status }) => status === 200);
  const refused = counted.filter(({ status }) => status === 429);
  return {
    seconds: load.seconds,
    offered,
    capacityBefore,
    capacityAfter,
    answered: answered.length,
    refused: refused.length,
    ...rest,
    goodput: answered.length / load.seconds / ((capacityBefore + capacityAfter) / 2),
    refusedP99Ms: percentile(
      refused.map(({ totalMs }) => totalMs),
      0.99,
    ),
    firstTokenP50Ms: percentile(
      answered.map(({ firstTokenMs }) => firstTokenMs),
      0.5,
    ),
  };
}

/** Closed loop: answers a second with always as many requests under way as it works on at once. */
async function answersPerSecond(url: string, { ask, streams, seconds }: Load): Promise<number> {
  const countsFrom = performance.now() + RAMP_MS;
  const countsTo = countsFrom + seconds * 1000;
  let counted = 0;
  const client = async () => {
    while (performance.now() < countsTo) {
      const { status } = await streamAnswer(url, ask());
      const now = performance.now();
      if (status === 200 && now >= countsFrom && now < countsTo) counted++;
    }
  };
  await Promise.all(Array.from({ length: streams }, client));
  return counted / seconds;
}

/**
 * Open loop: requests are sent at a fixed rate, however long answers take. The server must go on answering at its own pace, refuse the rest
 * at once, and stay reachable. What ends after the ramp and before the end is counted.
 */
async function sendAtRate(
  url: string,
  { ask, offered, seconds }: Load & { readonly offered: number },
) {
  const started = performance.now();
  const countsFrom = started + RAMP_MS;
  const countsTo = countsFrom + seconds * 1000;
  const health: number[] = [];
  const pulse = setInterval(async () => {
    const asked = performance.now();
    await fetch(`${url}/healthz`).then((response) => response.arrayBuffer());
    health.push(performance.now() - asked);
  }, HEALTH_EVERY_MS);
  const ended = async () => {
    const answer = await streamAnswer(url, ask());
    return { ...answer, endedAt: performance.now() };
  };
  const sent: ReturnType<typeof ended>[] = [];
  while (performance.now() < countsTo) {
    sent.push(ended());
    const next = started + (sent.length * 1000) / offered;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  const all = await Promise.all(sent);
  clearInterval(pulse);
  return {
    counted: all.filter(({ endedAt }) => endedAt >= countsFrom && endedAt < countsTo),
    failed: all.filter(({ status }) => status !== 200 && status !== 429).length,
    healthP99Ms: percentile(health, 0.99),
  };
}
