import { once } from "node:events";
import type { Response } from "express";
import type { Log } from "../../core/index.ts";
import { errorBody, logFailure } from "./error-responses.ts";
import type { RequestLifetime } from "./request-lifetime.ts";

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

  /** Waits while a slow reader's buffer is full; a reader that went away is not waited for, and after the end nothing is sent. */
  async send(value: object | "[DONE]"): Promise<void> {
    const { response } = this;
    if (response.writableEnded) return;
    if (!response.headersSent) this.#begin();
    const data = typeof value === "string" ? value : JSON.stringify(value);
    if (response.destroyed || response.write(`data: ${data}\n\n`)) return;
    const stop = new AbortController();
    const { signal } = stop;
    const ended = [once(response, "drain", { signal }), once(response, "close", { signal })];
    try {
      await Promise.race(ended);
    } finally {
      stop.abort();
      await Promise.allSettled(ended);
    }
  }

  end(): void {
    this.response.end();
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
    await stream.send(errorBody(failure));
  }
  stream.end();
}
