import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages";
import { type Runnable, RunnableLambda, RunnableSequence } from "@langchain/core/runnables";
import type { Passage } from "../passage.ts";
import type { ChatForeword } from "./chat-foreword.ts";

/** A question and what was said before it, oldest first. */
export interface ForewordChainInput {
  readonly question: string;
  readonly history?: readonly { readonly question: string; readonly answer: string }[];
}

export interface ForewordChainOutput {
  readonly answer: string;
  /** The passages the answer can be checked against. */
  readonly sources: readonly Passage[];
}

/** Question in, answer and sources out: retrieval, learned prompt and generation as one runnable. */
export function forewordChain(
  model: ChatForeword,
): Runnable<ForewordChainInput, ForewordChainOutput> {
  return RunnableSequence.from<ForewordChainInput, ForewordChainOutput>([
    RunnableLambda.from(messagesOf),
    model,
    RunnableLambda.from((message: BaseMessage) => ({
      answer: message.text,
      sources: message.response_metadata["sources"] as readonly Passage[],
    })),
  ]);
}

function messagesOf({ question, history = [] }: ForewordChainInput): BaseMessage[] {
  const earlier = history.flatMap((turn) => [
    new HumanMessage(turn.question),
    new AIMessage(turn.answer),
  ]);
  return [...earlier, new HumanMessage(question)];
}
