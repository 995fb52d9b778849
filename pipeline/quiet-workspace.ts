import type { Settings } from "./settings.ts";
import { Terminal } from "./terminal.ts";
import { Workspace } from "./workspace.ts";

/** A workspace that tells the terminal nothing: for programs, jobs and servers without a person in front. */
export function quietWorkspace(settings: Settings, signal: AbortSignal): Workspace {
  const terminal = new Terminal({
    stdout: process.stdout,
    stderr: process.stderr,
    json: false,
    quiet: true,
    color: false,
  });
  return new Workspace({ settings, terminal, signal });
}
