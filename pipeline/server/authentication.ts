import { createHash, timingSafeEqual } from "node:crypto";
import type { Request, RequestHandler } from "express";
import { RagError } from "../../core/index.ts";

/**
 * Lets requests through that carry one of the keys: `Authorization: Bearer KEY`, or as the password of `Basic`, which is how a browser
 * opens the page. Compared in constant time. `response.locals.client` tells clients apart by a digest of their key.
 */
export function requireApiKey(keys: readonly string[]): RequestHandler {
  const wanted = keys.map(digest);
  return (request, response, next) => {
    const given = keyOf(request);
    if (given === undefined) {
      throw unauthorized("wants an API key; send it as the header Authorization: Bearer KEY.");
    }
    const found = digest(given);
    // Every key is compared, so that the time says nothing about which one came near.
    const matches = wanted.filter((key) => timingSafeEqual(found, key));
    if (matches.length === 0) throw unauthorized("has another API key; check yours.");
    response.locals["client"] = found.toString("hex").slice(0, 16);
    next();
  };
}

function keyOf(request: Request): string | undefined {
  const header = request.header("authorization") ?? "";
  const bearer = /^Bearer +(\S.*)$/i.exec(header)?.[1];
  if (bearer !== undefined) return bearer.trim();
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header)?.[1];
  if (basic === undefined) return undefined;
  const pair = Buffer.from(basic, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1);
}

const unauthorized = (what: string): RagError =>
  new RagError("request/unauthorized", `this server ${what}`);

/** Keys of any length become equally long, as the comparison needs. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
