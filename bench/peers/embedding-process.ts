import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What a peer made of some texts. */
export interface PeerEmbedding {
  readonly seconds: number;
  readonly vectors: readonly (readonly number[])[];
}

/** An embedding peer in a process of its own, asked for some texts at a time, so that rounds can be interleaved with ours. */
export class EmbeddingProcess {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    name: string,
    started: {
      readonly versions: Readonly<Record<string, string>>;
      readonly child: ChildProcess;
      readonly lines: AsyncIterator<string>;
    },
  ) {
    this.name = name;
    this.versions = started.versions;
    this.#child = started.child;
    this.#lines = started.lines;
  }

  /** sentence-transformers; see sentence_transformers_embed.py. */
  static sentenceTransformers(python: string, model: string, threads: number) {
    const script = join(import.meta.dirname, "sentence_transformers_embed.py");
    const flags = ["--model", model, "--threads", String(threads)];
    return EmbeddingProcess.#start("sentence-transformers", python, [script, ...flags]);
  }

  /** @huggingface/transformers; see transformers-js.mjs. `folder`: where it and the exported model are. */
  static transformersJs(folder: string, threads: number) {
    const script = join(import.meta.dirname, "transformers-js.mjs");
    const args = [script, folder, join(folder, "all-minilm-l6-v2"), String(threads)];
    return EmbeddingProcess.#start("transformers.js", process.execPath, args);
  }

  /** A cross-encoder in transformers: the texts are a question and passages, a vector is a passage's score; see cross_encoder_rerank.py. */
  static crossEncoder(python: string, model: string, threads: number) {
    const script = join(import.meta.dirname, "cross_encoder_rerank.py");
    const flags = ["--model", model, "--threads", String(threads)];
    return EmbeddingProcess.#start("transformers", python, [script, ...flags]);
  }

  static async #start(name: string, program: string, args: readonly string[]) {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, OMP_WAIT_POLICY: "passive", TOKENIZERS_PARALLELISM: "false" },
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const { ready } = await nextLine<{ ready: Record<string, string> }>(name, lines);
    return new EmbeddingProcess(name, { versions: ready, child, lines });
  }

  async embed(texts: readonly string[]): Promise<PeerEmbedding> {
    this.#child.stdin!.write(`${JSON.stringify(texts)}\n`);
    return nextLine<PeerEmbedding>(this.name, this.#lines);
  }

  close(): void {
    this.#child.kill();
  }
}

async function nextLine<Line>(name: string, lines: AsyncIterator<string>): Promise<Line> {
  const { value, done } = await lines.next();
  if (done) throw new Error(`${name}: ended without an answer (see above)`);
  return JSON.parse(value) as Line;
}
