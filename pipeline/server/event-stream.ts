import { once } from "node:events";
import type { Response } from "express";

/** Server-sent events: each `data:` line is one JSON value. */
export class EventStream {
  readonly #response: Response;

  /** Sends the headers. */
  constructor(response: Response) {
    this.#response = response;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      connection: "keep-alive",
      "x-accel-buffering": "no",
    });
  }

  /** Waits while a slow reader's buffer is full; a reader that went away is not waited for. */
  async send(value: object | "[DONE]"): Promise<void> {
    const data = typeof value === "string" ? value : JSON.stringify(value);
    const response = this.#response;
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
    this.#response.end();
  }
}
