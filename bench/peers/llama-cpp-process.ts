import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Seconds for a prompt and for each further token. */
export interface Timing {
  readonly prompt: number;
  readonly decode: number;
  /** Bytes resident. */
  readonly rss: number;
}

/** node-llama-cpp in a process of its own; see llama-cpp.mjs. */
export class LlamaCppProcess {
  /** Seconds from nothing to the first token. */
  readonly start: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(start: number, child: ChildProcess, lines: AsyncIterator<string>) {
    this.start = start;
    this.#child = child;
    this.#lines = lines;
  }

  static async open(folder: string, gguf: string, threads: number): Promise<LlamaCppProcess> {
    const script = join(import.meta.dirname, "llama-cpp.mjs");
    const child = spawn(process.execPath, [script, folder, gguf, String(threads)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const { start } = await readLine<{ start: number }>(lines);
    return new LlamaCppProcess(start, child, lines);
  }

  async run(prompt: readonly number[], tokens: number): Promise<Timing> {
    this.#child.stdin!.write(`${JSON.stringify({ prompt, tokens })}\n`);
    return readLine<Timing>(this.#lines);
  }

  close(): void {
    this.#child.kill();
  }
}

async function readLine<Line>(lines: AsyncIterator<string>): Promise<Line> {
  const { value, done } = await lines.next();
  if (done) throw new Error("node-llama-cpp: ended without an answer (see above)");
  return JSON.parse(value) as Line;
}
