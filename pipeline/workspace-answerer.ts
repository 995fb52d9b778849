import { RagError } from "../core/index.ts";
import type { Generator } from "../generator/index.ts";
import { answerQuestion } from "./answer.ts";
import type { Answerer } from "./answerer.ts";
import { completeText } from "./complete.ts";
import { usablePrompts } from "./prompt-choice.ts";
import type { Settings } from "./settings.ts";
import type { Workspace } from "./workspace.ts";

export interface AnswererHooks {
  /** The engine died under a request; a new one is being started, and `restarted` settles with it. */
  readonly onEngineLost?: (restarted: Promise<unknown>) => void;
}

/** Answers from a workspace; what a request leaves open is that of the settings. */
export function workspaceAnswerer(
  workspace: Workspace,
  settings: Settings,
  hooks: AnswererHooks = {},
): Answerer {
  const { prompt, k, maxTokens } = settings;
  const guard = <Piece, Result>(pieces: AsyncGenerator<Piece, Result>, generator: Generator) =>
    watchEngine(pieces, generator, () => hooks.onEngineLost?.(workspace.generator()));
  return {
    async *answer(request, signal) {
      const parts = await workspace.answerParts();
      const asked = {
        ...request,
        prompt: request.prompt ?? prompt,
        k: request.k ?? k,
        maxTokens: request.maxTokens ?? (request.mode === "bare" ? undefined : maxTokens),
      };
      return yield* guard(answerQuestion(parts, asked, signal), parts.generator);
    },
    async *complete(request, signal) {
      const generator = await workspace.generator();
      return yield* guard(completeText(generator, request, signal), generator);
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
  };
}

/** Tells when a request failed because its engine died. */
async function* watchEngine<Piece, Result>(
  pieces: AsyncGenerator<Piece, Result>,
  generator: Generator,
  onLost: () => void,
): AsyncGenerator<Piece, Result> {
  try {
    return yield* pieces;
  } catch (thrown) {
    const isFailure = thrown instanceof RagError && thrown.code === "engine/failed";
    if (isFailure && generator.isClosed) onLost();
    throw thrown;
  }
}
