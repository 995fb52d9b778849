import { randomUUID } from "node:crypto";
import type { Usage } from "../answerer.ts";

/** What all parts of one response share. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** A new response's head. `prefix`: OpenAI's for its kind. */
export const newHead = (prefix: "chatcmpl" | "cmpl", model: string): ResponseHead => ({
  id: `${prefix}-${randomUUID().replaceAll("-", "")}`,
  created: Math.floor(Date.now() / 1000),
  model,
});

/** Usage of several answers to one prompt: the prompt counts once, however many answers were made of it. */
export function usageOf(usages: readonly Usage[]) {
  const [first] = usages;
  return usageJson({
    promptTokens: first?.promptTokens ?? 0,
    cachedTokens: first?.cachedTokens ?? 0,
    completionTokens: usages.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
  });
}

/** Usage in OpenAI's words. */
export const usageJson = ({ promptTokens, cachedTokens, completionTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
});
