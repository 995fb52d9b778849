import { lstat, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import fastGlob from "fast-glob";
import { errorMessage, RagError, systemCode } from "../core/index.ts";

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
  /** Links that lead out of the folder they were found in, or nowhere. */
  readonly refused: readonly RefusedLink[];
}

export interface RefusedLink {
  readonly source: string;
  readonly reason: string;
}

const IGNORED = ["**/node_modules/**"];

/**
 * Files, all files below folders, and files that match globs, each once and in order of their names. Hidden files and
 * links to folders are passed over unless named; links to files are followed within the folder they lie in. `without`: a folder whose files are left out unless named one by one (the store).
 * @throws RagError file/unreadable for a folder that may not be listed
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
  const refused = new Map<string, RefusedLink>();
  const left = resolve(options.without) + sep;
  const nameOf = (path: string) => `${options.origin ?? ""}${sourceOf(path, options.root)}`;
  for (const path of paths) {
    const absolute = resolve(options.root, path);
    const matches = await expand(absolute, path, options.root);
    if (matches === undefined) missing.push(path);
    for (const match of matches ?? []) {
      if (typeof match !== "string") refused.set(match.link, refusal(match, nameOf));
      else if (match === absolute || !match.startsWith(left)) found.add(match);
    }
  }
  const files = [...found].map((path) => ({ path, source: nameOf(path) }));
  files.sort((a, b) => a.source.localeCompare(b.source, "en", { numeric: true }));
  return { files, missing, refused: [...refused.values()] };
}

/** How the store calls a file. */
export function sourceOf(path: string, root: string): string {
  const inside = relative(root, path);
  // On another drive there is no relative path.
  return (isAbsolute(inside) ? path : inside).split(sep).join("/");
}

async function expand(
  absolute: string,
  given: string,
  root: string,
): Promise<readonly (string | StrayLink)[] | undefined> {
  try {
    const entry = await stat(absolute);
    if (entry.isDirectory()) return await glob("**/*", absolute);
    if (entry.isFile()) return [absolute];
    throw new RagError("file/unsupported", `${given}: is neither a file nor a folder; name one.`);
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT" && systemCode(cause) !== "ENOTDIR")
      throw unreadable(given, cause);
  }
  if (await isBrokenLink(absolute)) return undefined;
  const pattern = sep === "\\" ? given.replaceAll("\\", "/") : given;
  if (!fastGlob.isDynamicPattern(pattern)) return undefined;
  const matches = await glob(pattern, root);
  return matches.length === 0 ? undefined : matches;
}

/** A link that is not followed. */
interface StrayLink {
  readonly link: string;
  /** Whether it leads anywhere. */
  readonly isBroken: boolean;
}

async function glob(pattern: string, folder: string): Promise<(string | StrayLink)[]> {
  try {
    const matches = await fastGlob(pattern, {
      cwd: folder,
      ignore: IGNORED,
      onlyFiles: false,
      objectMode: true,
      followSymbolicLinks: false,
    });
    const found: (string | StrayLink)[] = [];
    for (const { path: match, dirent } of matches) {
      const path = isAbsolute(match) ? resolve(match) : join(folder, match);
      if (dirent.isFile()) found.push(path);
      else if (dirent.isSymbolicLink()) found.push(...(await followed(path, folder)));
    }
    return found;
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

/** A link's own path when it leads to a file inside the folder; nothing for one to a folder, which is walked where it is. */
async function followed(link: string, folder: string): Promise<(string | StrayLink)[]> {
  let target: string;
  try {
    target = await realpath(link);
  } catch {
    return [{ link, isBroken: true }];
  }
  const isInside = target.startsWith((await realpath(folder)) + sep);
  if (!isInside) return [{ link, isBroken: false }];
  return (await stat(target)).isFile() ? [link] : [];
}

function refusal({ link, isBroken }: StrayLink, nameOf: (path: string) => string): RefusedLink {
  const reason = isBroken
    ? "is a link to nothing; mend or remove it."
    : "is a link out of the folder and was not followed; name its target to read it.";
  return { source: nameOf(link), reason };
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
  const reason = systemCode(cause) ?? errorMessage(cause);
  return new RagError(
    "file/unreadable",
    `${path}: cannot be read (${reason}); check its permissions.`,
    {
      cause,
    },
  );
}
