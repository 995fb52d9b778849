import { resolve } from "node:path";
import type { IngestSummary } from "../../ingest/index.ts";
import { uploadsFolder } from "../uploads.ts";
import type { IngestRequest, JobRun } from "./job-record.ts";

/** A watch, or somebody's ingest, may be writing to the store just now. */
const LOCK_WAIT_MS = 600_000;

/** Adds uploaded files to the store, under sources of their own beside those of files; tells of each file when it is read. */
export async function runIngest(
  { files }: IngestRequest,
  { settings, workspace, signal, tell }: JobRun,
): Promise<IngestSummary> {
  const { ingest, UPLOAD_ORIGIN } = await import("../../ingest/index.ts");
  tell({ event: "loading" });
  const embedder = await workspace.embedder(true);
  const corpus = await workspace.corpus(true);
  return ingest({
    paths: files,
    corpus,
    embedder,
    storeFolder: resolve(settings.store),
    root: uploadsFolder(settings.store, "documents"),
    origin: UPLOAD_ORIGIN,
    waitMs: LOCK_WAIT_MS,
    signal,
    onProgress: ({ done, total, source }) => tell({ event: "file", done, total, source }),
  });
}
