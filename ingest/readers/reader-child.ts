import { Worker } from "node:worker_threads";
import { RagError, systemReason } from "../../core/index.ts";
import { runLoader } from "../loaders/run-loader.ts";
import { readDocument } from "./read-document.ts";
import type { ReaderReply, ReaderRequest } from "./reader-process.ts";
import { StandardTextDecoder } from "./standard-text-decoder.ts";

const MAX_MESSAGE = 300;

/** More than the heap's limit, since pictures and unpacked streams lie outside it. */
const MAX_RESIDENT_BYTES = 1536 * 2 ** 20;

/** Whoever outlives its parent is given another one; Windows leaves it the number of the one that is gone. */
const GUARD = `
const { maxResidentBytes, parent } = require("node:worker_threads").workerData;
const isGone = (id) => {
  try {
    process.kill(id, 0);
    return false;
  } catch (thrown) {
    return thrown.code === "ESRCH";
  }
};
const isOrphan = process.platform === "win32" ? () => isGone(parent) : () => process.ppid !== parent;
setInterval(() => {
  if (process.memoryUsage.rss() > maxResidentBytes || isOrphan()) process.kill(process.pid, "SIGKILL");
}, 100);
`;

/** The process that reads files: a document that hangs a parser or fills the memory takes only this one down. */
process.on("message", async (request: ReaderRequest) => {
  process.send?.(await answer(request));
});
process.on("disconnect", () => process.exit());
guard();
// Parsers that others wrote decode as well.
globalThis.TextDecoder = StandardTextDecoder;
const ready: ReaderReply = { ready: true };
process.send?.(ready);

/**
 * Ends the process when it takes too much memory, or when the one that started it is gone and so can no longer end it. In a thread of its own, for
 * a parser that never returns lets no timer run and hears of nothing.
 */
function guard(): void {
  const workerData = { maxResidentBytes: MAX_RESIDENT_BYTES, parent: process.ppid };
  new Worker(GUARD, { eval: true, execArgv: [], workerData }).unref();
}

async function answer(request: ReaderRequest): Promise<ReaderReply> {
  const { path } = request;
  try {
    if ("loader" in request) return { loaded: await runLoader(path, request.loader) };
    return { document: await readDocument(path, request.format) };
  } catch (thrown) {
    if (thrown instanceof RagError)
      return { error: { code: thrown.code, message: thrown.message } };
    if (thrown instanceof RangeError) {
      return {
        error: { code: "file/invalid", message: "is nested too deeply or too large to read." },
      };
    }
    const how = "loader" in request ? `with ${request.loader.name}` : `as ${request.format}`;
    // What JSON.parse of a loader says quotes the document.
    const reason = thrown instanceof SyntaxError ? "its syntax is wrong" : systemReason(thrown);
    const message = `cannot be read ${how} (${reason.slice(0, MAX_MESSAGE)}).`;
    return { error: { code: "file/unreadable", message } };
  }
}
