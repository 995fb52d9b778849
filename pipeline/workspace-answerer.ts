import { answerQuestion } from "./answer.ts";
import type { Answerer } from "./answerer.ts";
import { completeText } from "./complete.ts";
import { usablePrompts } from "./prompt-choice.ts";
import type { Settings } from "./settings.ts";
import type { Workspace } from "./workspace.ts";

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
      return {
        model: settings.embedder,
        vectors: await embedder.embed(texts, { signal }),
        tokens: texts.reduce((sum, text) => sum + embedder.countTokens(text), 0),
      };
    },
    engineStatus: () => workspace.engineStatus(),
  };
}
