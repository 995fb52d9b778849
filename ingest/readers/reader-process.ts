import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ErrorCode, RagError, systemReason } from "../../core/index.ts";
import { workerModule } from "../../runtime/index.ts";
import type { LoadedDocument } from "../loaders/loaded-document.ts";
import type { LoaderClass } from "../loaders/loader-class.ts";
import type { Format } from "./formats.ts";
import type { ParsedDocument } from "./parsed-document.ts";

/** What the reading process sends back for a file. */
export type ReaderReply =
  /** Once, when its parsers are loaded. */
  | { readonly ready: true }
  | { readonly document: ParsedDocument }
  | { readonly loaded: readonly LoadedDocument[] }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

/** What it is asked for: to read a file, or to run a LangChain loader on a path. */
export type ReaderRequest =
  | { readonly path: string; readonly format: Format }
  | { readonly path: string; readonly loader: LoaderClass };

interface Exchange {
  readonly request?: ReaderRequest;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const TIMEOUT_MS = 25_000;
/** A loader may read a whole folder. */
const LOADER_TIMEOUT_MS = 300_000;
/** For loading the parsers, which no file is to blame for. */
const START_TIMEOUT_MS = 120_000;
const MAX_HEAP_MIB = 1024;

/** Reads files in a process of its own, which is ended when a file takes too long or too much memory. */
export class ReaderProcess {
  readonly #timeoutMs: number;
  #child: ChildProcess | undefined;
  #isReady = false;

  constructor(options: { readonly timeoutMs?: number } = {}) {
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * One file at a time.
   * @throws RagError file/invalid, file/unsupported, file/too-large, file/unreadable; without the file's name
   */
  async read(path: string, format: Format, signal?: AbortSignal): Promise<ParsedDocument> {
    const reply = await this.#ask({ path, format }, this.#timeoutMs, signal);
    if ("document" in reply) return reply.document;
    throw new RagError("internal", "reading process: answered without a document.");
  }

  /** What a LangChain loader makes of a path. @throws RagError like read */
  async load(
    path: string,
    loader: LoaderClass,
    signal?: AbortSignal,
  ): Promise<readonly LoadedDocument[]> {
    const reply = await this.#ask({ path, loader }, LOADER_TIMEOUT_MS, signal);
    if ("loaded" in reply) return reply.loaded;
    throw new RagError("internal", "reading process: answered without documents.");
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#isReady = false;
  }

  async #ask(
    request: ReaderRequest,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ReaderReply> {
    const isFresh = this.#child === undefined;
    const exchange = { request, timeoutMs, signal };
    // What a process read before may be what ended it: one that has read nothing else tells.
    const reply =
      (await this.#answer(exchange)) ?? (isFresh ? undefined : await this.#answer(exchange));
    if (!reply) {
      throw new RagError(
        "file/too-large",
        "ended the reading process (too large, or it crashed it).",
      );
    }
    if ("error" in reply) throw new RagError(reply.error.code, reply.error.message);
    return reply;
  }

  /** What the process answers, which is started if need be; nothing when it ends instead. */
  async #answer(exchange: Exchange): Promise<ReaderReply | undefined> {
    const { signal } = exchange;
    signal?.throwIfAborted();
    const child = this.#child ?? this.#start();
    if (!this.#isReady) {
      const { reply } = await this.#exchange(child, { timeoutMs: START_TIMEOUT_MS, signal });
      if (!reply) return undefined;
      this.#isReady = true;
    }
    const { reply } = await this.#exchange(child, exchange);
    return reply;
  }

  #start(): ChildProcess {
    const module = workerModule("reader-child", import.meta.url);
    // A checkout runs TypeScript through tsx.
    const loader = module.pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
    const child = fork(fileURLToPath(module), [], {
      execArgv: [...loader, `--max-old-space-size=${MAX_HEAP_MIB}`],
      serialization: "advanced",
      // Parsers print warnings; a document's oddities are no concern of the terminal.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    // A process that never started, or a kill that failed: whoever waits for an answer is told by #exchange.
    child.on("error", () => {});
    // It may also end between two files.
    child.once("exit", () => {
      if (this.#child === child) this.close();
    });
    this.#child = child;
    return child;
  }

  /** Waits for the child's next message, after a request if there is one; without a reply when it ends. */
  #exchange(child: ChildProcess, exchange: Exchange): Promise<{ readonly reply?: ReaderReply }> {
    const { request, timeoutMs, signal } = exchange;
    const { promise, resolve, reject } = withResolvers<{ readonly reply?: ReaderReply }>();
    const onMessage = (reply: ReaderReply) => resolve({ reply });
    const onExit = () => {
      this.close();
      resolve({});
    };
    const onError = (cause: Error) => {
      this.close();
      reject(
        new RagError(
          "file/unreadable",
          `the reading process failed (${systemReason(cause)}); free some memory and read it again.`,
          { cause },
        ),
      );
    };
    const onAbort = () => {
      this.close();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      this.close();
      reject(new RagError("file/too-large", `took more than ${timeoutMs / 1000} seconds to read.`));
    }, timeoutMs);
    child.once("message", onMessage).once("exit", onExit).once("error", onError);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (request) {
      child.send(request, (error) => {
        if (error) onExit();
      });
    }
    return promise.finally(() => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
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
