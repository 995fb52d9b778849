import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { downloadFile } from "@huggingface/hub";
import { errorMessage } from "../../core/index.ts";
import type { CatalogueFile, CatalogueModel } from "./catalogue.ts";
import type { ModelSource, SourceRequest } from "./source.ts";

/** How long a server may take to begin its answer; offline must not feel like hanging. */
const ANSWER_MS = 5_000;
/** How long a download may stand still. */
const STALL_MS = 30_000;

export interface HubOptions {
  /** For a mirror or a test; the global `fetch` unless set. */
  readonly fetch?: typeof fetch;
  readonly answerMs?: number;
}

/** Hugging Face hub over https. Continues a file that an earlier attempt began. */
export function hubSource(options: HubOptions = {}): ModelSource {
  return {
    describe: hubName,
    fetch: async (request) => {
      for (const file of request.missing) await fetchFile(request, file, options);
    },
  };
}

async function fetchFile(
  request: SourceRequest,
  file: CatalogueFile,
  options: HubOptions,
): Promise<void> {
  const guard = new DownloadGuard(request.signal, options);
  try {
    const blob = await downloadFile({
      repo: request.model.hub.repository,
      revision: request.model.hub.revision,
      path: file.hubPath,
      fetch: guard.fetch,
      // Plain ranges: the chunk protocol cannot continue a file we hold the beginning of.
      xet: false,
    });
    if (blob === null) throw new Error(`no file ${file.hubPath} in the repository`);
    if (blob.size !== file.bytes) {
      throw new Error(`${file.hubPath}: expected ${file.bytes} bytes, found ${blob.size}`);
    }
    await receive(request, file, blob, guard);
  } catch (cause) {
    request.signal.throwIfAborted();
    throw new Error(guard.reason ?? describeFailure(cause), { cause });
  } finally {
    guard.end();
  }
}

async function receive(
  request: SourceRequest,
  file: CatalogueFile,
  blob: Blob,
  guard: DownloadGuard,
): Promise<void> {
  const path = join(request.folder, file.path);
  const begun = (await stat(path).catch(() => undefined))?.size ?? 0;
  let received = begun < file.bytes ? begun : 0;
  if (received > 0) request.log.info({ file: file.path, bytes: received }, "download continues");
  const output = await open(path, received > 0 ? "a" : "w");
  try {
    const reader = blob.slice(received, file.bytes).stream().getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      guard.heard();
      received += value.length;
      if (received > file.bytes) throw new Error(`${file.hubPath}: more than ${file.bytes} bytes`);
      await output.writeFile(value);
      report(request, file, received);
    }
  } finally {
    await output.close();
  }
  if (received < file.bytes) {
    throw new Error(`the connection ended after ${received} of ${file.bytes} bytes`);
  }
}

function report(request: SourceRequest, file: CatalogueFile, receivedBytes: number): void {
  const source = hubName(request.model);
  request.onProgress({ file: file.path, receivedBytes, totalBytes: file.bytes, source });
}

function hubName(model: CatalogueModel): string {
  return `Hugging Face hub (${model.hub.repository})`;
}

/** Ends requests that do not answer or stand still, and those whose caller gave up. */
class DownloadGuard {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal;
  readonly #fetch: typeof fetch;
  readonly #answerMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** Why the guard ended the download, if it did. */
  reason: string | undefined;

  constructor(caller: AbortSignal, options: HubOptions) {
    this.#caller = caller;
    this.#fetch = options.fetch ?? fetch;
    this.#answerMs = options.answerMs ?? ANSWER_MS;
    caller.addEventListener("abort", this.#giveUp);
  }

  readonly fetch: typeof fetch = async (url, init) => {
    this.#caller.throwIfAborted();
    this.#expect(this.#answerMs, `no answer within ${this.#answerMs / 1000} s`);
    const response = await this.#fetch(url, { ...init, signal: this.#controller.signal });
    this.heard();
    const range = new Headers(init?.headers).get("range");
    if (response.ok && range !== null && response.status !== 206) {
      throw new Error("the server does not send parts of files");
    }
    return response;
  };

  /** Data came: the clock starts again. */
  heard(): void {
    this.#expect(STALL_MS, `nothing came for ${STALL_MS / 1000} s`);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#giveUp);
    this.#controller.abort();
  }

  readonly #giveUp = () => this.#controller.abort();

  #expect(withinMs: number, reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.reason = reason;
      this.#controller.abort();
    }, withinMs);
  }
}

/** Node's fetch says only "fetch failed"; what happened is in its cause. */
function describeFailure(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const text = errorMessage(cause) || errorMessage(thrown);
  return text.split("\n", 1)[0]!.slice(0, 200);
}
