import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

/** The command line's module. */
export const ENTRY = join(import.meta.dirname, "..", "..", "pipeline", "main.ts");

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a process that kills itself when it has said this on standard output, as if the power had gone. */
export const killedAt = (said: string): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import ${new URL("./killed-at.mjs", import.meta.url).href}`,
  TEST_KILLED_AT: said,
});

/** Starts the command line in a process of its own, as users do. */
export function startForeword(
  commandArguments: readonly string[],
  options: { readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): ChildProcess {
  return spawn(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), ENTRY, ...commandArguments],
    {
      cwd: options.cwd ?? process.cwd(),
      env: { ...process.env, NO_COLOR: "1", ...options.environment },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
}

/** Runs the command line to its end. `onOutput`: called with what both streams have said so far, whenever there is more. */
export async function foreword(
  commandArguments: readonly string[],
  options: Parameters<typeof startForeword>[1] & {
    readonly onOutput?: (child: ChildProcess, text: string) => void;
  } = {},
): Promise<CommandResult> {
  const child = startForeword(commandArguments, options);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      options.onOutput?.(child, output.stdout + output.stderr);
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...output };
}
