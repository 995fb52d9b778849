import { homedir } from "node:os";
import { join } from "node:path";
import { defaultCacheFolder } from "../runtime/index.ts";
import type { Answerer } from "./answerer.ts";
import type { Passage } from "./passage.ts";
import { quietWorkspace } from "./quiet-workspace.ts";
import { DEFAULT_STORE, readSettings, type Settings } from "./settings.ts";
import type { Workspace } from "./workspace.ts";

import { workspaceAnswerer } from "./workspace-answerer.ts";

/** Settings by name as in foreword.config.json; what is left out is the default. */
export type ForewordOptions = Readonly<{
  store?: string;
  cache?: string;
  model?: string;
  embedder?: string;
  prompt?: string;
  k?: number;
  rerank?: Settings["rerank"];
  reranker?: string;
  rerankDepth?: number;
  minSimilarity?: number;
  maxTokens?: number;
  threads?: number;
  contextLength?: number;
}>;

/** A store and its models in this process; close it to free them. */
export interface Foreword {
  readonly answerer: Answerer;
  /** The best k passages for a query. @throws RagError store/* */
  search(query: string, k: number, signal?: AbortSignal): Promise<readonly Passage[]>;
  close(): Promise<void>;
}

/**
 * Opens a store in this process; models are loaded with the first question. Reads no environment variable and no file but the store's.
 * @throws RagError config/invalid
 */
export function openForeword(options: ForewordOptions = {}): Foreword {
  const { workspace, settings } = openWorkspace(options);
  return {
    answerer: workspaceAnswerer(workspace, settings),
    search: async (query, k, stop) => (await workspace.search(query, { k }, stop)).results,
    close: () => workspace.close(),
  };
}

/** A workspace for a program, with options as its only settings. @throws RagError config/invalid */
export function openWorkspace(options: ForewordOptions): {
  readonly workspace: Workspace;
  readonly settings: Settings;
} {
  const settings = readSettings({
    flags: { ...options, quiet: true },
    environment: {},
    configPath: join(options.store ?? DEFAULT_STORE, "no-settings.json"),
    isConfigRequired: false,
    defaultCache: options.cache ?? defaultCacheFolder({}, process.platform, homedir()),
  });
  return { settings, workspace: quietWorkspace(settings, new AbortController().signal) };
}
