/** One streamed answer, as its client saw it. Times in milliseconds. */
export interface StreamedAnswer {
  /** 0 when the stream broke off. */
  readonly status: number;
  /** From request to the first piece of text. */
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly promptTokens: number;
  readonly tokens: number;
}

export interface StreamedQuestion {
  readonly model: string;
  readonly question: string;
  readonly maxTokens: number;
}

/** Asks and reads the answer to its end. */
export async function streamAnswer(
  url: string,
  { model, question, maxTokens }: StreamedQuestion,
  signal?: AbortSignal,
): Promise<StreamedAnswer> {
  const started = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    ...(signal && { signal }),
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: maxTokens,
      messages: [{ role: "user", content: question }],
    }),
  });
  let firstTokenMs = Number.NaN;
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (Number.isNaN(firstTokenMs) && /"content":"[^"]/.test(text)) {
      firstTokenMs = performance.now() - started;
    }
  }
  const isWhole = !response.ok || text.includes("data: [DONE]");
  const counted = (name: string) => Number(new RegExp(`"${name}":(\\d+)`).exec(text)?.[1] ?? 0);
  return {
    status: isWhole ? response.status : 0,
    firstTokenMs,
    totalMs: performance.now() - started,
    promptTokens: counted("prompt_tokens"),
    tokens: counted("completion_tokens"),
  };
}

/** The value below which this share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
