import { readdirSync } from "node:fs";
import { identityOf } from "./change-hints.ts";

/** Folders and files by name, of which each may vanish as a whole: a drive that is taken out leaves nothing, or the empty folder it was mounted on. */
export class WatchedFolders {
  readonly #paths: readonly string[];
  /** Of what was there when it was last seen. */
  readonly #identities: string[];

  /** `paths`: absolute. `isKnown`: whether something was read from there before, so that an empty folder is one that is gone. */
  constructor(paths: readonly string[], isKnown: (path: string) => boolean) {
    this.#paths = paths;
    const wasLeft = (path: string) => isEmptyFolder(path) && isKnown(path);
    this.#identities = paths.map((path) => (wasLeft(path) ? "" : identityOf(path)));
  }

  /**
   * Which are gone, by their index: what is not there, and what is another folder than before and empty. Another one that holds something has
   * taken its place.
   */
  gone(): readonly number[] {
    return [...this.#paths.keys()].filter((index) => this.#isGone(index));
  }

  #isGone(index: number): boolean {
    const path = this.#paths[index]!;
    const identity = identityOf(path);
    if (identity === this.#identities[index]) return identity === "";
    if (identity === "" || isEmptyFolder(path)) return true;
    this.#identities[index] = identity;
    return false;
  }
}

/** What may not be listed, or is a file, holds something. */
function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false;
  }
}
