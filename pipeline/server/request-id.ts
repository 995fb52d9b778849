import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";

const ACCEPTED = /^[\w.:-]{1,128}$/;

/** Every response has an `x-request-id`: the client's own where it is a plain word, or a new one. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.header("x-request-id");
  response.setHeader("x-request-id", given && ACCEPTED.test(given) ? given : randomUUID());
  next();
};
