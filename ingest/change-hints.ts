import { mkdirSync, realpathSync, statSync } from "node:fs";
import { sep } from "node:path";
import { type FSWatcher, watch as watchFiles } from "chokidar";
import { isForbidden, RagError, systemReason } from "../core/index.ts";

export interface HintOptions {
  /** Absolute. */
  readonly folders: readonly string[];
  /** Absolute; what lies in it is no document. Made when it is not there. */
  readonly storeFolder: string;
  /** Looks at the files again and again instead of being told: for network drives. */
  readonly isPolling: boolean;
  /** How long nothing must have happened before a change is reported. */
  readonly quietMs: number;
}

/** While changes keep coming, they are reported after this time at the latest. */
const LONGEST_BURST_MS = 5000;

/** Tells that something changed below folders, not what: whoever listens looks for itself, so that a lost event loses nothing. */
export class ChangeHints {
  readonly #options: HintOptions;
  /** Which folders and files are watched: one that comes back under its old name is another. */
  readonly #identities: readonly string[];
  readonly #watcher: FSWatcher;
  #first: number | undefined;
  #last = 0;
  #failure: RagError | undefined;
  #wake: () => void = () => {};

  constructor(options: HintOptions) {
    this.#options = options;
    this.#identities = options.folders.map(identityOf);
    // By their real names, under which changes are told; links in them are not followed.
    const folders = options.folders.map(realPathOf);
    mkdirSync(options.storeFolder, { recursive: true });
    const storeFolder = realpathSync(options.storeFolder);
    this.#watcher = watchFiles(folders, {
      ignoreInitial: true,
      followSymlinks: false,
      usePolling: options.isPolling,
      ignored: (path) => isIgnored(path, { folders, storeFolder }),
    });
    this.#watcher.on("all", () => this.#changed());
    this.#watcher.on("error", (cause) => {
      // What may not be read is named by whoever reads; the rest is watched.
      if (isForbidden(cause)) return;
      this.#failure = cannotWatch(options.folders, cause);
      this.#wake();
    });
  }

  /** Resolves once every folder is being watched. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#watcher.once("ready", resolve);
      this.#wake = resolve;
    });
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when something has changed and then been quiet. @throws RagError file/unreadable, the signal's reason */
  async next(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#failure) throw this.#failure;
      const waitMs = this.#waitMs();
      if (waitMs <= 0) break;
      await this.#sleep(waitMs, signal);
    }
    this.#first = undefined;
  }

  /** Counts as a change. */
  #changed(): void {
    this.#last = Date.now();
    this.#first ??= this.#last;
    this.#wake();
  }

  /** Whether all folders are those that were there at first. One that was gone is watched no more, though it may be back. */
  areCurrent(): boolean {
    return this.#identities.every(
      (identity, index) =>
        identity !== "" && identity === identityOf(this.#options.folders[index]!),
    );
  }

  close(): Promise<void> {
    return this.#watcher.close();
  }

  #waitMs(): number {
    if (this.#first === undefined) return Number.POSITIVE_INFINITY;
    const quietAt = this.#last + this.#options.quietMs;
    return Math.min(quietAt, this.#first + LONGEST_BURST_MS) - Date.now();
  }

  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => this.#wake();
    signal?.addEventListener("abort", onAbort);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (Number.isFinite(ms)) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Tells a folder or file from another that comes under its name; empty for what is not there. */
export function identityOf(path: string): string {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}

/** A folder may go just now; then it is not watched, and not current. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Hidden files, code of others and the store are no documents; a folder that is watched by name may lie in a hidden one. */
function isIgnored(
  path: string,
  { folders, storeFolder }: Pick<HintOptions, "folders" | "storeFolder">,
): boolean {
  const own = path.split("/").join(sep);
  if (own === storeFolder || own.startsWith(storeFolder + sep)) return true;
  const folder = folders.find((one) => own.startsWith(one + sep));
  if (folder === undefined) return false;
  const parts = own.slice(folder.length + 1).split(sep);
  return parts.some((part) => part.startsWith(".") || part === "node_modules");
}

function cannotWatch(folders: readonly string[], cause: unknown): RagError {
  const reason = systemReason(cause);
  return new RagError(
    "file/unreadable",
    `${folders.join(", ")}: cannot be watched (${reason}); raise the system's limit of watched files, or give --poll.`,
    { cause },
  );
}
