import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "..", "..");
const PEER = join(ROOT, "bench", "peers", "llama-cpp-server.mjs");
const MORTAL_ENGINE = join(ROOT, "test", "pipeline", "mortal-engine.mjs");

/** A server in a process of its own. */
export interface ServedProcess {
  readonly url: string;
  /** Lets its engine's thread die (Foreword only). */
  killEngine(): void;
  /** Asks it to end, and waits. @throws Error when it ended by itself before */
  stop(): Promise<void>;
}

/** Runs a command of Foreword to its end. */
export async function runForeword(commandArguments: readonly string[]): Promise<void> {
  const [code] = await once(spawnForeword(commandArguments), "exit");
  if (code !== 0) throw new Error(`foreword ended with ${code}`);
}

export const startForeword = (flags: readonly string[]): Promise<ServedProcess> =>
  whenListening(spawnForeword(["serve", "--port", "0", "--quiet", ...flags]));

/** node-llama-cpp behind express, see peers/README.md. */
export const startPeer = (options: {
  readonly folder: string;
  readonly gguf: string;
  readonly threads: number;
  readonly streams: number;
}): Promise<ServedProcess> => {
  const { folder, gguf, threads, streams } = options;
  const peerArguments = [PEER, folder, gguf, String(threads), String(streams)];
  return whenListening(
    spawn(process.execPath, peerArguments, { stdio: ["ignore", "pipe", "inherit"] }),
  );
};

const spawnForeword = (commandArguments: readonly string[]): ChildProcess =>
  spawn(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), "pipeline/main.ts", ...commandArguments],
    {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: `--import ${pathToFileURL(MORTAL_ENGINE).href}` },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );

/** The first line on standard output says where. */
async function whenListening(child: ChildProcess): Promise<ServedProcess> {
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const { value, done } = await lines.next();
  if (done) throw new Error(`the server ended with ${(await ended)[0]} before it listened`);
  return {
    url: (JSON.parse(value) as { url: string }).url,
    killEngine: () => child.kill("SIGUSR2"),
    stop: async () => {
      if (child.exitCode !== null) throw new Error(`the server ended by itself: ${child.exitCode}`);
      child.kill("SIGTERM");
      await ended;
    },
  };
}
