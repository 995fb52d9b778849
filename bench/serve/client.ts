/** One streamed answer, as its client saw it. Times in milliseconds. */
export interface StreamedAnswer {
  readonly status: number;
  /** From request to the first piece of text. */
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly tokens: number;
}

/** Asks and reads the answer to its end. */
export async function streamAnswer(
  url: string,
  request: { readonly model: string; readonly question: string; readonly maxTokens: number },
): Promise<StreamedAnswer> {
  const started = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: request.model,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: request.maxTokens,
      messages: [{ role: "user", content: request.question }],
    }),
  });
  if (!response.ok) {
    await response.arrayBuffer();
    const totalMs = performance.now() - started;
    return { status: response.status, firstTokenMs: Number.NaN, totalMs, tokens: 0 };
  }
  let firstTokenMs = Number.NaN;
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (Number.isNaN(firstTokenMs) && /"content":"[^"]/.test(text)) {
      firstTokenMs = performance.now() - started;
    }
  }
  const tokens = Number(/"completion_tokens":(\d+)/.exec(text)?.[1] ?? 0);
  const isWhole = text.includes("data: [DONE]");
  return { status: isWhole ? 200 : 0, firstTokenMs, totalMs: performance.now() - started, tokens };
}

/** The value below which this share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
