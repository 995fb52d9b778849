import { createHash, timingSafeEqual } from "node:crypto";
import type { RequestHandler } from "express";
import { RagError } from "../../core/index.ts";

/** Lets requests through that carry `Authorization: Bearer KEY`; compared in constant time. */
export function requireApiKey(key: string): RequestHandler {
  const wanted = digest(key);
  return (request, _response, next) => {
    const given = /^Bearer (.+)$/i.exec(request.header("authorization") ?? "")?.[1];
    if (given !== undefined && timingSafeEqual(digest(given.trim()), wanted)) return next();
    throw new RagError(
      "request/unauthorized",
      given === undefined
        ? "this server wants an API key; send it as the header Authorization: Bearer KEY."
        : "the API key is not this server's; check it.",
    );
  };
}

/** Keys of any length become equally long, as the comparison needs. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
