import { homedir } from "node:os";
import { defaultCacheFolder } from "../runtime/index.ts";
import type { Answerer } from "./answerer.ts";
import type { Passage } from "./passage.ts";
import { quietWorkspace } from "./quiet-workspace.ts";
import { type ForewordOptions, programSettings, type Settings } from "./settings.ts";
import type { Workspace } from "./workspace.ts";
import { workspaceAnswerer } from "./workspace-answerer.ts";

/** A store and its models in this process; close it to free them. */
export interface Foreword {
  readonly answerer: Answerer;
  /** The best k passages for a query; as many as the setting `k` says, or 5, unless given. @throws RagError store/* */
  search(query: string, k?: number, signal?: AbortSignal): Promise<readonly Passage[]>;
  close(): Promise<void>;
}

/**
 * Opens a store in this process; models are loaded with the first question. Reads no environment variable and no file but the store's.
 * @throws RagError config/invalid
 */
export function openForeword(options: ForewordOptions = {}): Foreword {
  const { workspace, settings } = openWorkspace(options);
  return { ...answersAndSearch(workspace, settings), close: () => workspace.close() };
}

/** What is done with a workspace that is open; what a request leaves open is that of the settings. */
export function answersAndSearch(
  workspace: Workspace,
  settings: Settings,
): Pick<Foreword, "answerer" | "search"> {
  return {
    answerer: workspaceAnswerer(workspace, settings),
    search: async (query, k = settings.k, signal) =>
      (await workspace.search(query, { k }, signal)).results,
  };
}

/** A workspace for a program, with options as its only settings. @throws RagError config/invalid */
export function openWorkspace(options: ForewordOptions): {
  readonly workspace: Workspace;
  readonly settings: Settings;
} {
  const settings = programSettings(options, defaultCacheFolder({}, process.platform, homedir()));
  return { settings, workspace: quietWorkspace(settings, new AbortController().signal) };
}
