import { type Dirent, readdir } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import fastGlob from "fast-glob";
import { isForbidden, RagError, systemCode, systemReason } from "../core/index.ts";
import { isWithin, realPath, realPlaces } from "./real-path.ts";
import { withoutQueries } from "./retrieval-sets.ts";

/** A file to ingest. */
export interface FoundFile {
  readonly path: string;
  /** Its path relative to the root with forward slashes, after the origin: what people and the store call it. */
  readonly source: string;
}

export interface FoundFiles {
  readonly files: readonly FoundFile[];
  /** Paths and patterns that led to nothing, as given. */
  readonly missing: readonly string[];
  /** Links that lead out of the folder they were found in, or nowhere; folders that may not be listed. */
  readonly refused: readonly RefusedEntry[];
}

export interface RefusedEntry {
  readonly source: string;
  readonly reason: string;
}

const IGNORED = ["**/node_modules/**"];

const IS_BROKEN_LINK = "is a link to nothing; mend or remove it.";
const IS_LINK_OUT = "is a link out of the folder and was not followed; name its target to read it.";
const IS_CLOSED = "may not be listed, so nothing in it was read; check its permissions.";

/**
 * Files, all files below folders, and files that match globs, each once and in order of their names. Hidden files and
 * links to folders are passed over unless named, and so are the queries and judgements of a folder in BEIR's form; links to files are followed within the folder they lie in. Each has one name, by whichever links it was reached. `without`: a folder whose files are left out unless named one by one (the store).
 * @throws RagError file/unreadable for a path that may not be looked at
 */
export async function findFiles(
  paths: readonly string[],
  options: {
    readonly root: string;
    readonly without: string;
    readonly origin?: string | undefined;
  },
): Promise<FoundFiles> {
  const found = new Set<string>();
  const missing: string[] = [];
  const refused = new Map<string, RefusedEntry>();
  const store = realPath(resolve(options.without));
  const { real, place } = realPlaces(options.root);
  const root = realPath(options.root);
  const nameOf = (path: string) => `${options.origin ?? ""}${relativeSource(path, root)}`;
  for (const path of paths) {
    const absolute = resolve(options.root, path);
    const matches = await expand(absolute, path, options.root);
    if (matches === undefined) missing.push(isAbsolute(path) ? nameOf(place(absolute)) : path);
    for (const match of matches ?? []) {
      if (typeof match !== "string") {
        const { path, reason } = match;
        refused.set(path, { source: nameOf(place(path)), reason });
      } else if (match === absolute || !isWithin(real(match), store)) found.add(place(match));
    }
  }
  const files = [...found].map((path) => ({ path, source: nameOf(path) }));
  files.sort((a, b) => a.source.localeCompare(b.source, "en", { numeric: true }));
  return { files, missing, refused: [...refused.values()] };
}

/** How the store calls a file. */
export const sourceOf = (path: string, root: string): string =>
  relativeSource(realPlaces(root).place(path), realPath(root));

function relativeSource(path: string, root: string): string {
  const inside = relative(root, path);
  // On another drive there is no relative path.
  return (isAbsolute(inside) ? path : inside).split(sep).join("/");
}

async function expand(
  absolute: string,
  given: string,
  root: string,
): Promise<readonly (string | Stray)[] | undefined> {
  try {
    const entry = await stat(absolute);
    if (entry.isDirectory()) return await filesBelow(absolute);
    if (entry.isFile()) return [absolute];
    throw new RagError("file/unsupported", `${given}: is neither a file nor a folder; name one.`);
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT" && systemCode(cause) !== "ENOTDIR")
      throw unreadable(given, cause);
  }
  if (await isBrokenLink(absolute)) return undefined;
  const pattern = sep === "\\" ? given.replaceAll("\\", "/") : given;
  if (!fastGlob.isDynamicPattern(pattern)) return undefined;
  try {
    const matches = await glob(pattern, root);
    return matches.length === 0 ? undefined : matches;
  } catch (cause) {
    throw unreadable(given, cause);
  }
}

async function filesBelow(folder: string): Promise<(string | Stray)[]> {
  const found = await glob("**/*", folder);
  const files = found.filter((one) => typeof one === "string");
  return [...withoutQueries(files), ...found.filter((one) => typeof one !== "string")];
}

/** An entry that is not followed. */
interface Stray {
  readonly path: string;
  readonly reason: string;
}

async function glob(pattern: string, folder: string): Promise<(string | Stray)[]> {
  const found: (string | Stray)[] = [];
  const matches = await fastGlob(pattern, {
    cwd: folder,
    fs: { readdir: listing((path) => found.push({ path, reason: IS_CLOSED })) },
    ignore: IGNORED,
    onlyFiles: false,
    objectMode: true,
    followSymbolicLinks: false,
  });
  for (const { path: match, dirent } of matches) {
    const path = isAbsolute(match) ? resolve(match) : join(folder, match);
    if (dirent.isFile()) found.push(path);
    else if (dirent.isSymbolicLink()) found.push(...(await followed(path, folder)));
  }
  return found;
}

type Listing = NonNullable<NonNullable<fastGlob.Options["fs"]>["readdir"]>;

/** Lists folders. One that may not be listed is told, and counts as empty: the others are read all the same. */
function listing(onClosed: (folder: string) => void): Listing {
  const list = (
    folder: string,
    options: { readonly withFileTypes: true },
    done: (error: NodeJS.ErrnoException | null, entries: Dirent[]) => void,
  ) =>
    readdir(folder, options, (error, entries) => {
      if (!isForbidden(error)) return done(error, entries);
      onClosed(resolve(folder));
      done(null, []);
    });
  // Its other form, without kinds of entries, is for a Node older than ours.
  return list as unknown as Listing;
}

/** A link's own path when it leads to a file inside the folder; nothing for one to a folder, which is walked where it is. */
async function followed(link: string, folder: string): Promise<(string | Stray)[]> {
  let target: string;
  try {
    target = await realpath(link);
  } catch {
    return [{ path: link, reason: IS_BROKEN_LINK }];
  }
  const isInside = target.startsWith((await realpath(folder)) + sep);
  if (!isInside) return [{ path: link, reason: IS_LINK_OUT }];
  return (await stat(target)).isFile() ? [link] : [];
}

async function isBrokenLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    // It is not there at all.
    return false;
  }
}

function unreadable(path: string, cause: unknown): RagError {
  if (cause instanceof RagError) return cause;
  const reason = systemReason(cause);
  return new RagError(
    "file/unreadable",
    `${path}: cannot be read (${reason}); check its permissions.`,
    {
      cause,
    },
  );
}
