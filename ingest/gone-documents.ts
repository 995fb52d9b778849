import { statSync } from "node:fs";
import { resolve } from "node:path";
import fastGlob from "fast-glob";
import { systemCode } from "../core/index.ts";
import type { DocumentRecord } from "../retriever/index.ts";
import { formatOf } from "./readers/formats.ts";
import { isWithin, realPath, realPlaces } from "./real-path.ts";

/** Begins the source of a document that was uploaded: no path below the folder where commands run names it. */
export const UPLOAD_ORIGIN = "upload:";
const ADDRESS = /^[a-z][a-z\d+.-]*:\/\//i;

/** `gone`: its file, ingested from this root, was removed. `stranded`: it came from another root, or one that nobody knows, and its file is at neither. */
export type Absence = "gone" | "stranded";

type Placed = Pick<DocumentRecord, "source" | "format" | "root">;

/**
 * Tells whether a stored document lies below one of the given paths and its file is there no more; never for an upload or an address, and
 * not for one whose file is there below the root that it was ingested from. A glob reaches as far as the folder its fixed part names.
 */
export function absenceBelow(
  paths: readonly string[],
  root: string,
): (document: Placed) => Absence | undefined {
  const realRoot = realPath(root);
  const { place } = realPlaces(root);
  const bases = paths.flatMap((path) => {
    const base = resolve(root, fixedPart(path));
    return [realPath(base), place(base)];
  });
  return (document) => {
    const { source, root: own } = document;
    if (source.startsWith(UPLOAD_ORIGIN) || ADDRESS.test(source)) return undefined;
    if (isBelow(realRoot, document)) return undefined;
    const files = filesOf(document).map((file) => resolve(realRoot, file));
    if (!files.some((file) => bases.some((base) => isWithin(file, base)))) return undefined;
    if (own === realRoot) return "gone";
    return own !== undefined && isBelow(own, document) ? undefined : "stranded";
  };
}

/**
 * Whether a document that was found unchanged below `root`, a real path, belongs there from now on: where it was ingested from nothing is left of it,
 * as when all was moved, or nobody knows where that was.
 */
export const hasMovedTo = (root: string, document: Placed): boolean =>
  document.root !== root && (document.root === undefined || !isBelow(document.root, document));

const isBelow = (root: string, document: Placed): boolean =>
  filesOf(document).some((file) => isThere(resolve(root, file)));

/** A line's id may hold "#" and "/" like a path, so that more than one file can be meant. */
function filesOf({ source, format }: Placed): readonly string[] {
  if (format !== "jsonl") return [source];
  const ends = [...source.matchAll(/#/g)].map(({ index }) => source.slice(0, index));
  const files = ends.filter((end) => formatOf(end) === "jsonl");
  return files.length > 0 ? files : [source];
}

/** A file that may not be looked at may well be there; a name too long for the file system names none. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    return systemCode(cause) !== "ENAMETOOLONG";
  }
}

function fixedPart(path: string): string {
  if (isThere(path)) return path;
  const parts = path.split(/[\\/]/);
  const first = parts.findIndex((part) => part !== "" && fastGlob.isDynamicPattern(part));
  return first < 0 ? path : parts.slice(0, first).join("/") || ".";
}
