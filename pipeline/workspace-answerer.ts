import { mapInSteps } from "../core/index.ts";
import type { Embedder } from "../retriever/index.ts";
import { answerQuestion } from "./answer.ts";
import type { Answerer } from "./answerer.ts";
import { completeText } from "./complete.ts";
import { usablePrompts } from "./prompt-choice.ts";
import type { Settings } from "./settings.ts";
import type { Workspace } from "./workspace.ts";

/** Tokens of a long text are counted up to so many characters for each that the embedder reads: no token is longer on average. */
const MAX_CHARACTERS_PER_TOKEN = 64;

/** Answers from a workspace; what a request leaves open is that of the settings. */
export function workspaceAnswerer(workspace: Workspace, settings: Settings): Answerer {
  const { prompt, k, maxTokens } = settings;
  return {
    async *answer(request, signal) {
      const parts = await workspace.answerParts();
      const asked = {
        ...request,
        prompt: request.prompt ?? prompt,
        k: request.k ?? k,
        maxTokens: request.maxTokens ?? (request.mode === "bare" ? undefined : maxTokens),
      };
      return yield* answerQuestion(parts, asked, signal);
    },
    async *complete(request, signal) {
      const generator = await workspace.generator();
      return yield* completeText(generator, request, signal);
    },
    promptNames: async () => {
      const { model } = await workspace.generator();
      return (await usablePrompts(settings.store, model)).map(({ name }) => name);
    },
    embed: async (texts, signal) => {
      const embedder = await workspace.embedder();
      const counts = await mapInSteps(texts, (text) => tokensRead(embedder, text), signal);
      return {
        model: settings.embedder,
        vectors: await embedder.embed(texts, { signal }),
        tokens: counts.reduce((sum, count) => sum + count, 0),
      };
    },
    embeddingDimension: async () => (await workspace.embedder()).dimension,
    engineStatus: () => workspace.engineStatus(),
  };
}

/** Tokens of a text without those at its end that the embedder cuts off. */
function tokensRead(embedder: Embedder, text: string): number {
  const { maxTokens } = embedder;
  const beginning = text.slice(0, maxTokens * MAX_CHARACTERS_PER_TOKEN);
  return Math.min(maxTokens, embedder.countTokens(beginning));
}
