import type { Request, RequestHandler } from "express";
import type { Log } from "../../core/index.ts";
import type { ServerMetrics } from "./metrics.ts";

/** As nginx counts them: no response was begun when the client went away. */
const CLIENT_GONE = 499;

/** One line and one count for each request: who, what, how it ended and how long it took; nothing of its content. */
export function requestLog(log: Log, metrics: ServerMetrics): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    response.once("close", () => {
      const ms = performance.now() - started;
      const route = routeOf(request);
      const status = response.headersSent ? response.statusCode : CLIENT_GONE;
      metrics.requested(route, status, ms);
      log.info(
        {
          requestId: response.getHeader("x-request-id"),
          method: request.method,
          route,
          status,
          ms: Math.round(ms),
          ...(response.writableFinished ? {} : { aborted: true }),
        },
        "request",
      );
    });
    next();
  };
}

/** The route's pattern: an address can hold the name of a document. */
function routeOf(request: Request): string {
  const { route } = request as { readonly route?: { readonly path?: unknown } };
  return typeof route?.path === "string" ? route.path : "other";
}
