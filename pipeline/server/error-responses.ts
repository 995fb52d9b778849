import type { ErrorRequestHandler, Response } from "express";
import { type Log, RagError } from "../../core/index.ts";
import { httpStatusOf } from "../http-status.ts";
import { publicMessage } from "./public-message.ts";

/** An error in OpenAI's shape. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** Codes that OpenAI's clients know. */
const CODES: Readonly<Record<string, string>> = {
  "context/overflow": "context_length_exceeded",
  "request/unauthorized": "invalid_api_key",
  "model/unknown": "model_not_found",
  "prompt/not-found": "model_not_found",
  "prompt/mismatch": "model_not_found",
  "server/busy": "rate_limit_exceeded",
  "request/unsupported": "unsupported_value",
  "store/empty": "store_empty",
};

const RETRY_AFTER_SECONDS = "1";

/** The body for whatever was thrown; what is not ours is not shown to the client. */
export function errorBody(thrown: unknown): ErrorBody {
  const status = httpStatusOf(thrown);
  const isOurs = thrown instanceof RagError;
  return {
    error: {
      message: isOurs ? publicMessage(thrown) : "the server failed; its log says why.",
      type: errorType(status),
      param: isOurs ? (thrown.param ?? null) : null,
      code: isOurs ? (CODES[thrown.code] ?? null) : null,
    },
  };
}

function errorType(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/** Answers with an error; one that comes again soon says when to retry. */
export function sendError(response: Response, thrown: unknown): void {
  const status = httpStatusOf(thrown);
  if (status === 429 || status === 503) {
    if (!response.hasHeader("retry-after")) response.setHeader("retry-after", RETRY_AFTER_SECONDS);
  }
  if (status === 401) response.setHeader("www-authenticate", challengeFor(response));
  response.status(status).json(errorBody(thrown));
}

/** Programs are told to send a key; a browser that opens the page asks its user for one, as the password. */
function challengeFor({ req: request }: Response): string {
  const isPage = request.method === "GET" && request.accepts(["json", "html"]) === "html";
  return isPage ? 'Basic realm="Foreword: the API key is the password", charset="UTF-8"' : "Bearer";
}

/** The app's last handler. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return (thrown, _request, response, next) => {
    // The client went away, and what broke broke because of that.
    if (response.destroyed) return;
    const failure = toRagError(thrown);
    logFailure(log, response, failure);
    if (response.headersSent) return next(failure);
    sendError(response, failure);
  };
}

/** Logs what is the server's fault; requests that were wrong are the client's business. */
export function logFailure(log: Log, response: Response, thrown: unknown): void {
  if (!isServersFault(thrown)) return;
  const code = thrown instanceof RagError ? thrown.code : "internal";
  const reason = publicMessage(thrown);
  log.error({ requestId: response.getHeader("x-request-id"), code, reason }, "request failed");
}

/** A full queue, a closing server and an answer that took too long are told to the client only. */
const isServersFault = (thrown: unknown): boolean =>
  httpStatusOf(thrown) >= 500 &&
  !(thrown instanceof RagError && thrown.code === "server/unavailable");

/** Errors of express carry a status, and those of its body parser a type; they are about the request. */
function toRagError(thrown: unknown): unknown {
  if (thrown instanceof RagError || !(thrown instanceof Error) || !("status" in thrown)) {
    return thrown;
  }
  if (thrown.status === 413) {
    return new RagError(
      "request/too-large",
      "the request's body is larger than this server takes; shorten the messages.",
      { cause: thrown },
    );
  }
  const isClients = typeof thrown.status === "number" && thrown.status < 500;
  if (!isClients) return thrown;
  return new RagError(
    "request/invalid",
    "type" in thrown
      ? "body: expected a JSON object, found something else; check its syntax and encoding."
      : "the request's address or one of its headers cannot be understood; check their encoding.",
    { cause: thrown },
  );
}
