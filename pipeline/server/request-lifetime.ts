import type { Response } from "express";
import { RagError } from "../../core/index.ts";
import type { ServerState } from "./server-state.ts";

/** How long a request may work: until its client goes, its time is up, or the server must end. */
export interface RequestLifetime {
  readonly signal: AbortSignal;
  /** Nobody is there any more to be told. */
  readonly isClientGone: () => boolean;
  /** What to answer for what was thrown: why the work was stopped, where it was, else the thing itself. */
  failureOf(thrown: unknown): unknown;
  /** Stops the clock and whatever still works for the request; call it however the request ends. */
  end(): void;
}

/** Begins a request's lifetime; it is over at once where the client has gone already. */
export function beginLifetime(
  response: Response,
  limits: { readonly state: ServerState; readonly timeoutMs: number },
): RequestLifetime {
  const { state, timeoutMs } = limits;
  const controller = new AbortController();
  let isGone = false;
  const onClose = () => {
    if (response.writableFinished) return;
    isGone = true;
    controller.abort();
  };
  const onCut = () => controller.abort(state.cut.reason);
  const timer = setTimeout(() => controller.abort(tooLong(timeoutMs)), timeoutMs);
  response.once("close", onClose);
  if (response.destroyed) onClose();
  state.cut.addEventListener("abort", onCut, { once: true });
  if (state.cut.aborted) onCut();
  return {
    signal: controller.signal,
    isClientGone: () => isGone,
    failureOf: (thrown) =>
      controller.signal.reason instanceof RagError ? controller.signal.reason : thrown,
    end: () => {
      clearTimeout(timer);
      response.off("close", onClose);
      state.cut.removeEventListener("abort", onCut);
      controller.abort();
    },
  };
}

const tooLong = (timeoutMs: number): RagError =>
  new RagError(
    "server/unavailable",
    `the request took longer than the ${timeoutMs / 1000} s this server allows; ask for less at once, or start the server with a longer --timeout.`,
  );
