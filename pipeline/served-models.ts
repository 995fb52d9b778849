import { RagError } from "../core/index.ts";
import type { Answerer, AnswerMode } from "./answerer.ts";
import { NO_PROMPT } from "./prompt-choice.ts";

/** What a request's `model` stands for. */
export interface ServedModel {
  readonly mode: AnswerMode;
  /** A learned prompt's name, "none", or undefined for the default one. */
  readonly prompt: string | undefined;
}

const RAG = "foreword";
const BARE = "base";

/** The ids a client can choose from: the default, the bare model, plain RAG, and each learned prompt. */
export async function modelIds(answerer: Answerer): Promise<readonly string[]> {
  const prompts = await answerer.promptNames();
  return [RAG, BARE, `${RAG}@${NO_PROMPT}`, ...prompts.map((name) => `${RAG}@${name}`)];
}

/**
 * What an id stands for.
 * @throws RagError model/unknown listing the ids there are
 */
export async function servedModel(answerer: Answerer, id: string): Promise<ServedModel> {
  if (id === RAG) return { mode: "retrieval", prompt: undefined };
  if (id === BARE) return { mode: "bare", prompt: NO_PROMPT };
  const ids = await modelIds(answerer);
  if (ids.includes(id)) return { mode: "retrieval", prompt: id.slice(RAG.length + 1) };
  throw new RagError(
    "model/unknown",
    `model: there is no ${JSON.stringify(id.slice(0, 200))}; there are: ${ids.join(", ")}.`,
    { param: "model" },
  );
}

/**
 * A model as `/v1/models` lists it, and what Open WebUI may offer with it: without `capabilities` it sends the descriptions of its own
 * tools along with every question.
 */
export const modelObject = (id: string) => ({
  id,
  object: "model",
  created: 0,
  owned_by: RAG,
  info: { meta: { capabilities: CAPABILITIES } },
});

/** In Open WebUI's words. */
const CAPABILITIES = {
  builtin_tools: false,
  code_interpreter: false,
  image_generation: false,
  vision: false,
  citations: true,
  usage: true,
};
