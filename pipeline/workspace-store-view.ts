import { RagError } from "../core/index.ts";
import { listPrompts } from "../ptuning/index.ts";
import { layoutsLeft } from "./layouts-left.ts";
import { removePromptAndLayouts } from "./remove-prompt.ts";
import type { StoreView } from "./server/store-view.ts";
import type { Settings } from "./settings.ts";
import type { Workspace } from "./workspace.ts";

/** How long a change waits for another process that writes to the store. */
const WRITER_WAIT_MS = 2000;

/** What the page shows of a workspace's store. */
export function workspaceStoreView(workspace: Workspace, settings: Settings): StoreView {
  const { store, model, embedder } = settings;
  const corpus = () => workspace.corpus(true);
  return {
    status: async () => {
      const { documents, chunks } = (await corpus()).counts();
      return { model, embedder, documents, passages: chunks };
    },
    documents: async ({ offset, limit }) =>
      [...(await corpus()).documents()]
        .slice(offset, offset + limit)
        .map(({ id, source, title, format }) => ({ id, source, title, format })),
    documentText: async (id, range) => {
      const opened = await corpus();
      const document = opened.document(id);
      const text = opened.documentText(id);
      if (!document || text === undefined) throw unknownDocument();
      const start = Math.min(range.start, text.length);
      const end = Math.min(Math.max(range.end, start), text.length);
      const { source, title, format } = document;
      const length = text.length;
      return { id, source, title, format, start, end, length, text: text.slice(start, end) };
    },
    removeDocument: async (id) => {
      const opened = await corpus();
      const remove = () => opened.removeDocument(id);
      if (!(await opened.transactionWhenFree(remove, WRITER_WAIT_MS))) throw unknownDocument();
    },
    search: async (query, k, signal) => {
      if ((await corpus()).counts().documents === 0) return [];
      return (await workspace.search(query, { k }, signal)).results;
    },
    prompts: async () =>
      (await listPrompts(store)).map((prompt) =>
        "record" in prompt
          ? { name: prompt.record.name, about: prompt.record }
          : { name: prompt.name, problem: prompt.problem },
      ),
    removePrompt: async (name) => {
      const { left } = await removePromptAndLayouts(settings, name);
      if (left) workspace.log.warn({ prompt: name }, layoutsLeft(left));
    },
  };
}

const unknownDocument = (): RagError =>
  new RagError("request/not-found", "there is no document with this id; see GET /api/documents.");
