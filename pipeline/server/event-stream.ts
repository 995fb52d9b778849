import type { Response } from "express";
import type { Log } from "../../core/index.ts";
import { errorBody, logFailure } from "./error-responses.ts";
import type { RequestLifetime } from "./request-lifetime.ts";

/** A reader that has not taken the rest of a stream so long after its end is cut off. */
const LAST_READ_MS = 5000;

/** Server-sent events: each `data:` line is one JSON value. The headers go out with the first. */
export class EventStream {
  readonly response: Response;

  constructor(response: Response) {
    this.response = response;
  }

  /** A comment, which readers skip: proxies cut a stream that is quiet for long. Not before the first event, nor to a reader that is slow. */
  beat(): void {
    const { headersSent, writableEnded, destroyed, writableNeedDrain } = this.response;
    if (headersSent && !writableEnded && !destroyed && !writableNeedDrain) {
      this.response.write(": \n\n");
    }
  }

  get hasBegun(): boolean {
    return this.response.headersSent;
  }

  /**
   * Waits while a slow reader's buffer is full, but not after the signal; a reader that went away is not waited for, and after the end
   * nothing is sent.
   */
  async send(value: object | "[DONE]", signal?: AbortSignal): Promise<void> {
    if (this.write(value) || signal?.aborted) return;
    await roomOrEnd(this.response, signal);
  }

  /** Sends without waiting; false while the reader's buffer is full. */
  write(value: object | "[DONE]"): boolean {
    const { response } = this;
    if (response.writableEnded || response.destroyed) return true;
    if (!response.headersSent) this.#begin();
    const data = typeof value === "string" ? value : JSON.stringify(value);
    return response.write(`data: ${data}\n\n`);
  }

  end(): void {
    const { response } = this;
    response.end();
    if (response.destroyed) return;
    const cut = setTimeout(() => response.destroy(), LAST_READ_MS);
    response.once("close", () => clearTimeout(cut));
  }

  #begin(): void {
    this.response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      connection: "keep-alive",
      "x-accel-buffering": "no",
    });
  }
}

/** Until there is room in the reader's buffer, the reader has gone, or the signal. */
function roomOrEnd(response: Response, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
    signal?.addEventListener("abort", done);
  });
}

/**
 * Writes a stream to its end. What fails before the first byte is thrown and becomes an ordinary response; what fails later is an event.
 */
export async function streamOrThrow(
  parts: {
    readonly stream: EventStream;
    readonly lifetime: RequestLifetime;
    readonly log: Log;
  },
  write: () => Promise<void>,
): Promise<void> {
  const { stream, lifetime, log } = parts;
  try {
    await write();
  } catch (thrown) {
    if (!stream.hasBegun || lifetime.isClientGone()) throw thrown;
    const failure = lifetime.failureOf(thrown);
    logFailure(log, stream.response, failure);
    // Where the buffer is full the reader may have stopped reading: it is not waited for.
    stream.write(errorBody(failure));
  }
  stream.end();
}
