import { percentile, streamAnswer } from "./client.ts";

export interface LoadResult {
  readonly seconds: number;
  /** Requests a second that were sent, and what the server can answer alone. */
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

/**
 * Open loop: requests are sent at a fixed rate, however long answers take. The server must go on answering at its own pace, refuse the rest
 * at once, and stay reachable.
 */
export async function overload(
  url: string,
  load: {
    readonly questions: readonly string[];
    readonly maxTokens: number;
    readonly capacity: number;
    readonly factor: number;
    readonly seconds: number;
  },
): Promise<LoadResult> {
  const offered = load.capacity * load.factor;
  const started = performance.now();
  const endsAt = started + load.seconds * 1000;
  const health: number[] = [];
  const pulse = setInterval(async () => {
    const asked = performance.now();
    await fetch(`${url}/healthz`).then((response) => response.arrayBuffer());
    health.push(performance.now() - asked);
  }, HEALTH_EVERY_MS);
  const sent: ReturnType<typeof streamAnswer>[] = [];
  while (performance.now() < endsAt) {
    const question = load.questions[sent.length % load.questions.length]!;
    sent.push(streamAnswer(url, { model: "foreword@none", question, maxTokens: load.maxTokens }));
    await new Promise((resolve) => setTimeout(resolve, 1000 / offered));
  }
  const all = await Promise.all(sent);
  clearInterval(pulse);
  const seconds = (performance.now() - started) / 1000;
  const answered = all.filter(({ status }) => status === 200);
  const refused = all.filter(({ status }) => status === 429);
  return {
    seconds,
    offered,
    capacity: load.capacity,
    answered: answered.length,
    refused: refused.length,
    failed: all.length - answered.length - refused.length,
    goodput: answered.length / seconds / load.capacity,
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
