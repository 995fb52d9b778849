import { median, type StreamedAnswer, type StreamedQuestion, streamAnswer } from "./client.ts";

export const STREAMS = 8;
const TOKENS = 64;
const ROUNDS = 3;

/** Tokens a second of one stream, and of {@link STREAMS} at once. */
export interface StreamRates {
  readonly streams: number;
  readonly alone: number;
  readonly together: number;
  readonly ratio: number;
}

/** One stream and many, in turns; the bare model. */
export async function streamsTogether(url: string): Promise<StreamRates> {
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
  }
  const [alone, together] = [median(one), median(many)];
  return { streams: STREAMS, alone, together, ratio: together / alone };
}

/** Milliseconds to the first token. */
export interface FirstTokens {
  readonly promptTokens: number;
  readonly coldMs: number;
  readonly repeatedMs: number;
  readonly ratio: number;
}

/** Questions with passages that were never read, then as many after the same passages. */
export async function firstTokens(
  url: string,
  cold: readonly StreamedQuestion[],
  repeated: readonly StreamedQuestion[],
): Promise<FirstTokens> {
  const ask = async (questions: readonly StreamedQuestion[]) => {
    const answers: StreamedAnswer[] = [];
    for (const question of questions) answers.push(await streamAnswer(url, question));
    return answers;
  };
  const time = (answers: readonly StreamedAnswer[]) =>
    median(answers.map(({ firstTokenMs }) => firstTokenMs));
  const first = await ask(cold);
  const [coldMs, repeatedMs] = [time(first), time(await ask(repeated))];
  const promptTokens = median(first.map((answer) => answer.promptTokens));
  return { promptTokens, coldMs, repeatedMs, ratio: coldMs / repeatedMs };
}
