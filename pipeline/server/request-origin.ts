import type { RequestHandler } from "express";
import { RagError } from "../../core/index.ts";
import { isLoopback } from "./listen.ts";

/**
 * Refuses what a foreign web page could send to a server without a key: requests under another host's name (DNS rebinding), and
 * requests a browser marks as coming from another site.
 * @see Fetch Metadata Request Headers, Sec-Fetch-Site
 */
export const requireOwnOrigin: RequestHandler = (request, _response, next) => {
  const host = hostName(request.header("host") ?? "");
  const site = request.header("sec-fetch-site");
  const isNavigation = request.header("sec-fetch-mode") === "navigate" && request.method === "GET";
  if (isLoopback(host) && (site !== "cross-site" || isNavigation)) return next();
  throw new RagError(
    "request/forbidden",
    "this server has no API key, so it answers programs and pages of this machine only; call it by 127.0.0.1 or localhost, or start it with a key.",
  );
};

/** Every request of HTTP/1.1 names the host it is for. @see RFC 9112, section 3.2 */
export const requireHost: RequestHandler = (request, _response, next) => {
  if (request.header("host") !== undefined || request.httpVersion === "1.0") return next();
  throw new RagError("request/invalid", "host: there is no such header; send one.");
};

/** A Host header without its port. */
const hostName = (host: string): string => host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
