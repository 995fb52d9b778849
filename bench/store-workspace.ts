import { homedir } from "node:os";
import { readSettings } from "../pipeline/settings.ts";
import { Terminal } from "../pipeline/terminal.ts";
import { Workspace } from "../pipeline/workspace.ts";
import { defaultCacheFolder } from "../runtime/index.ts";

/** A store as the commands open it, with the settings of the environment. */
export function storeWorkspace(store: string | undefined): Workspace {
  const settings = readSettings({
    flags: { store, quiet: true },
    environment: process.env,
    configPath: "foreword.config.json",
    isConfigRequired: false,
    defaultCache: defaultCacheFolder(process.env, process.platform, homedir()),
  });
  const terminal = new Terminal({ ...process, json: false, quiet: true, color: false });
  return new Workspace({ settings, terminal, signal: new AbortController().signal });
}
