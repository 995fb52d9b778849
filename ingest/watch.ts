import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { RagError } from "../core/index.ts";
import { ChangeHints } from "./change-hints.ts";
import { absenceBelow } from "./gone-documents.ts";
import { type IngestOptions, ingest } from "./ingest.ts";
import type { DocumentChange, IngestSummary } from "./tally.ts";
import { WatchedFolders } from "./watched-folders.ts";

export interface WatchOptions
  extends Omit<
    IngestOptions,
    "prune" | "isPlaceThere" | "dryRun" | "onProgress" | "onChange" | "waitMs"
  > {
  /** Looks at the files again and again instead of being told of changes: for network drives. */
  readonly isPolling?: boolean;
  /** How long files must have been quiet before they are read, in milliseconds. */
  readonly quietMs?: number;
  readonly onEvent: (event: WatchEvent) => void;
}

/** `watching`: the store agrees with the folders, and is kept so; `synced`: it agrees again, after the changes told before. */
export type WatchEvent =
  | ({ readonly event: "watching"; readonly paths: readonly string[] } & IngestSummary)
  | { readonly event: "added" | "updated" | "removed"; readonly source: string }
  | { readonly event: "failed"; readonly source: string; readonly reason: string }
  | ({ readonly event: "synced" } & IngestSummary);

const QUIET_MS = 300;
const GONE_POLL_MS = 2000;
/** Another ingest may be long; it is waited for. */
const LOCK_WAIT_MS = 24 * 3_600_000;

/**
 * Keeps a store in line with folders until it is aborted: adds, replaces and removes. Every change makes it compare all files
 * again, of which those that are as before cost little; so bursts, renames and lost events end in the same state.
 * A folder that is gone as a whole (a drive that was taken out, also where an empty folder is left of it, now or before this began) keeps its
 * documents, and is followed again when it is back.
 * @throws RagError file/not-found, file/unreadable, store/*; the signal's reason when it is aborted
 */
export async function watch(options: WatchOptions): Promise<never> {
  const { paths, root, storeFolder, signal, isPolling = false, quietMs = QUIET_MS } = options;
  const folders = paths.map((path) => resolve(root, path));
  requireThere(paths, folders);
  const hintOptions = { folders, storeFolder: resolve(root, storeFolder), isPolling, quietMs };
  const watched = new WatchedFolders(folders, (path) => holdsDocumentsOf(options, path));
  const keeper = new StoreKeeper(options, watched);
  let isWatching = false;
  const sync = async () => {
    const synced = await keeper.sync();
    if (!synced) return;
    if (!isWatching) options.onEvent({ event: "watching", paths, ...synced });
    else if (hasChanged(synced)) options.onEvent({ event: "synced", ...synced });
    isWatching = true;
  };
  for (;;) {
    const hints = new ChangeHints(hintOptions);
    try {
      await hints.ready();
      await sync();
      while (hints.areCurrent() && watched.gone().length === 0) {
        await hints.next(signal);
        await sync();
      }
    } finally {
      await hints.close();
    }
    await allThere(watched, signal);
  }
}

/** Whether a store has documents that an ingest from here read from this folder. */
function holdsDocumentsOf({ corpus, root }: WatchOptions, path: string): boolean {
  const absenceOf = absenceBelow([path], root);
  for (const document of corpus.documents()) if (absenceOf(document) === "gone") return true;
  return false;
}

/** Nothing tells that a folder which was gone is back; so it is looked for. */
async function allThere(watched: WatchedFolders, signal: AbortSignal | undefined): Promise<void> {
  while (watched.gone().length > 0) {
    // An abort is thrown with its own reason.
    await setTimeout(GONE_POLL_MS, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
  }
}

/** Runs the ingest job, and tells what is new about it. */
class StoreKeeper {
  readonly #options: WatchOptions;
  readonly #watched: WatchedFolders;
  /** Reasons that were told, by source; they are not told again each time. */
  #told = new Map<string, string>();

  constructor(options: WatchOptions, watched: WatchedFolders) {
    this.#options = options;
    this.#watched = watched;
  }

  /** Undefined while a folder is gone. */
  async sync(): Promise<IngestSummary | undefined> {
    const failures = new Map<string, string>();
    const isGone = this.#tellGone(failures);
    const summary = isGone ? undefined : await this.#ingest(failures);
    if (summary) this.#tellGone(failures);
    this.#told = failures;
    return summary;
  }

  /** Whether a folder is gone. */
  #tellGone(failures: Map<string, string>): boolean {
    const gone = this.#watched.gone();
    for (const index of gone) this.#fail(this.#options.paths[index]!, GONE, failures);
    return gone.length > 0;
  }

  #ingest(failures: Map<string, string>): Promise<IngestSummary> {
    const { onEvent } = this.#options;
    return ingest({
      ...this.#options,
      prune: true,
      isPlaceThere: () => this.#watched.gone().length === 0,
      waitMs: LOCK_WAIT_MS,
      onChange: ({ kind, source, reason = "" }: DocumentChange) => {
        if (kind === "failed") this.#fail(source, reason, failures);
        else onEvent({ event: kind, source });
      },
    });
  }

  #fail(source: string, reason: string, failures: Map<string, string>): void {
    if (this.#told.get(source) !== reason) {
      this.#options.onEvent({ event: "failed", source, reason });
    }
    failures.set(source, reason);
  }
}

const hasChanged = ({ documents: { added, updated, removed } }: IngestSummary): boolean =>
  added + updated + removed > 0;

const GONE = "is gone as a whole; its documents are kept, and compared again when it is back.";

function requireThere(paths: readonly string[], folders: readonly string[]): void {
  const missing = paths.filter((_, index) => !existsSync(folders[index]!));
  if (missing.length === 0) return;
  throw new RagError(
    "file/not-found",
    `${missing.join(", ")}: there is no such folder or file to watch; check the path.`,
  );
}
