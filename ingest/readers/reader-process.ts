import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ErrorCode, RagError } from "../../core/index.ts";
import { workerModule } from "../../runtime/index.ts";
import type { Format } from "./formats.ts";
import type { ParsedDocument } from "./parsed-document.ts";

/** What the reading process sends back for a file. */
export type ReaderReply =
  | { readonly document: ParsedDocument }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

const TIMEOUT_MS = 120_000;
const MAX_HEAP_MIB = 1024;

/** Reads files in a process of its own, which is ended when a file takes too long or too much memory. */
export class ReaderProcess {
  readonly #timeoutMs: number;
  #child: ChildProcess | undefined;

  constructor(options: { readonly timeoutMs?: number } = {}) {
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * One file at a time.
   * @throws RagError file/invalid, file/unsupported, file/too-large, file/unreadable; without the file's name
   */
  async read(path: string, format: Format, signal?: AbortSignal): Promise<ParsedDocument> {
    signal?.throwIfAborted();
    const child = this.#child ?? this.#start();
    const reply = await this.#exchange(child, { path, format }, signal);
    if ("document" in reply) return reply.document;
    throw new RagError(reply.error.code, reply.error.message);
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  #start(): ChildProcess {
    const module = workerModule("reader-child", import.meta.url);
    // A checkout runs TypeScript through tsx.
    const loader = module.pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
    this.#child = fork(fileURLToPath(module), [], {
      execArgv: [...loader, `--max-old-space-size=${MAX_HEAP_MIB}`],
      serialization: "advanced",
      // Parsers print warnings; a document's oddities are no concern of the terminal.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    return this.#child;
  }

  #exchange(child: ChildProcess, request: object, signal?: AbortSignal): Promise<ReaderReply> {
    const { promise, resolve, reject } = withResolvers<ReaderReply>();
    const onExit = () => {
      this.#child = undefined;
      reject(
        new RagError("file/too-large", "ended the reading process (too large, or it crashed it)."),
      );
    };
    const onAbort = () => {
      this.close();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      this.close();
      reject(
        new RagError("file/too-large", `took more than ${this.#timeoutMs / 1000} seconds to read.`),
      );
    }, this.#timeoutMs);
    child.once("message", resolve).once("exit", onExit);
    signal?.addEventListener("abort", onAbort, { once: true });
    child.send(request, (error) => {
      if (error) onExit();
    });
    return promise.finally(() => {
      clearTimeout(timer);
      child.off("message", resolve).off("exit", onExit);
      signal?.removeEventListener("abort", onAbort);
    });
  }
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  return { promise, resolve, reject };
}
