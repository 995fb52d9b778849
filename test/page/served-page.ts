import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { RagError, silentLog } from "../../core/index.ts";
import type { Jobs } from "../../pipeline/jobs/jobs.ts";
import { createApp } from "../../pipeline/server/app.ts";
import { listen } from "../../pipeline/server/listen.ts";
import { ServerState } from "../../pipeline/server/server-state.ts";
import type { StoreView } from "../../pipeline/server/store-view.ts";
import { uploadsFolder } from "../../pipeline/uploads.ts";
import { FakeAnswerer } from "../pipeline/fake-answerer.ts";
import { FakeJobs } from "./fake-jobs.ts";

export interface ServedPageOptions {
  readonly answerer?: FakeAnswerer;
  readonly jobs?: FakeJobs;
  /** Of one document, or of each. */
  readonly text?: string;
  readonly documents?: number;
  /** Of the document of this number. */
  readonly title?: (number: number) => string;
  /** Names of learned prompts, which are all damaged. */
  readonly prompts?: readonly string[];
}

/** The page over a fake store, on a free port until the test ends. An uploaded `questions.jsonl` can be trained on. */
export async function servePage(t: TestContext, options: ServedPageOptions = {}) {
  const { answerer = new FakeAnswerer(), jobs = new FakeJobs() } = options;
  const store = await storeWithQuestions(t);
  const view = viewOf(options);
  const start = (known: FakeJobs) => {
    const state = new ServerState();
    const page = { store, view, jobs: known as unknown as Jobs };
    const limits = { maxActive: 4, maxWaiting: 4, timeoutMs: 60_000 };
    return {
      state,
      app: createApp({ answerer, state, log: silentLog, apiKeys: [], ...limits, page }),
    };
  };
  let running = start(jobs);
  running.state.becomeReady();
  const served = {
    /** Instead of the app's, for the requests that it takes. */
    intercept: (() => false) as (...request: Parameters<RequestListener>) => boolean,
  };
  const server = await listen(
    (request, response) => {
      if (!served.intercept(request, response)) running.app(request, response);
    },
    { host: "127.0.0.1", port: 0 },
  );
  t.after(() => server.close(0));
  return Object.assign(served, {
    url: server.url,
    answerer,
    jobs,
    /** Ends the server; the next one, on the same port, loads its models first. Returns how it becomes ready. */
    restart: () => {
      running.state.beginDraining();
      running = start(new FakeJobs());
      return () => {
        running = start(jobs);
        running.state.becomeReady();
      };
    },
  });
}

async function storeWithQuestions(t: TestContext): Promise<string> {
  const store = await mkdtemp(join(tmpdir(), "foreword-served-page-"));
  t.after(() => rm(store, { recursive: true, force: true }));
  const folder = uploadsFolder(store, "questions");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "questions.jsonl"), "{}");
  return store;
}

function viewOf(options: ServedPageOptions) {
  const { text = "High water is at noon.", title = (number) => `Document ${number}` } = options;
  let documents = Array.from({ length: options.documents ?? 1 }, (_, index) => ({
    id: `d${index}`,
    source: `d${index}.txt`,
    title: title(index),
    format: "txt",
  }));
  let prompts = [...(options.prompts ?? [])];
  const view: StoreView = {
    status: async () => {
      const { length } = documents;
      return { model: "m", embedder: "e", documents: length, passages: length };
    },
    documents: async ({ offset, limit }) => documents.slice(offset, offset + limit),
    documentText: async (id, range) => {
      const document = documents.find((one) => one.id === id);
      if (!document) throw new RagError("request/not-found", "there is no such document.");
      const start = Math.min(range.start, text.length);
      const end = Math.min(range.end, text.length);
      return { ...document, start, end, length: text.length, text: text.slice(start, end) };
    },
    removeDocument: async (id) => {
      documents = documents.filter((one) => one.id !== id);
    },
    search: async () => [],
    prompts: async () => prompts.map((name) => ({ name, problem: "is damaged." })),
    removePrompt: async (name) => {
      prompts = prompts.filter((one) => one !== name);
    },
  };
  return view;
}
