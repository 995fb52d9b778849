import { type ErrorCode, RagError } from "../core/index.ts";

/** The one table from error code to HTTP status. */
const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  "config/invalid": 400,
  "file/not-found": 500,
  "file/unreadable": 500,
  "file/unsupported": 500,
  "file/invalid": 500,
  "file/too-large": 500,
  "file/locked": 503,
  "file/write-failed": 500,
  "model/unknown": 404,
  "model/unavailable": 503,
  "model/checksum": 500,
  "model/invalid": 500,
  "model/unsupported": 500,
  "graph/shape": 500,
  "graph/unsupported": 500,
  "engine/failed": 503,
  "context/overflow": 400,
  "store/empty": 503,
  "store/invalid": 500,
  "store/mismatch": 500,
  "prompt/not-found": 404,
  "prompt/invalid": 500,
  "prompt/mismatch": 404,
  "qa/invalid": 400,
  "train/diverged": 500,
  "server/port-in-use": 500,
  "request/invalid": 400,
  "request/unsupported": 400,
  "request/not-found": 404,
  "request/unauthorized": 401,
  "request/forbidden": 403,
  "request/too-large": 413,
  "request/conflict": 409,
  "server/busy": 429,
  "server/unavailable": 503,
  internal: 500,
};

/** The status of whatever a request handler threw; 500 for anything that is not a RagError. */
export function httpStatusOf(thrown: unknown): number {
  return thrown instanceof RagError ? HTTP_STATUS[thrown.code] : 500;
}
