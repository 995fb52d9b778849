import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The PEFT peer in a process of its own, asked for one training step at a time, so that steps can be interleaved with ours. */
export class PeftProcess {
  readonly versions: Readonly<Record<string, string>>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    versions: Readonly<Record<string, string>>,
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
  ) {
    this.versions = versions;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(python: string, model: string, threads: number): Promise<PeftProcess> {
    const script = join(import.meta.dirname, "peft_train.py");
    const child = spawn(python, [script, "--model", model, "--threads", String(threads)], {
      env: { ...process.env, OMP_WAIT_POLICY: "passive" },
    });
    child.stderr.pipe(process.stderr);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { ready } = JSON.parse(await nextLine(lines)) as { ready: Record<string, string> };
    return new PeftProcess(ready, child, lines);
  }

  /** Trains one batch; seconds as the peer measures them. */
  async step(
    examples: readonly { readonly ids: readonly number[]; readonly answerIds: readonly number[] }[],
  ): Promise<number> {
    this.#child.stdin.write(`${JSON.stringify({ step: examples })}\n`);
    const { seconds } = JSON.parse(await nextLine(this.#lines)) as { seconds: number };
    return seconds;
  }

  close(): void {
    this.#child.stdin.end();
  }
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const next = await lines.next();
  if (next.done) throw new Error("the peer ended; its own words are above");
  return next.value;
}
