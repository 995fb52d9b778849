import { lstat, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import fastGlob from "fast-glob";
import { errorMessage, RagError, systemCode } from "../core/index.ts";

/** A file to ingest. */
export interface FoundFile {
  readonly path: string;
  /** Its path relative to the root with forward slashes: what people and the store call it. */
  readonly source: string;
}

export interface FoundFiles {
  readonly files: readonly FoundFile[];
  /** Paths and patterns that led to nothing, as given. */
  readonly missing: readonly string[];
}

const IGNORED = ["**/node_modules/**"];

/**
 * Files, all files below folders, and files that match globs, each once and in order of their names. Hidden files and
 * links to folders are passed over unless named. `without`: a folder whose files are left out unless named one by one (the store).
 * @throws RagError file/unreadable for a folder that may not be listed
 */
export async function findFiles(
  paths: readonly string[],
  options: { readonly root: string; readonly without: string },
): Promise<FoundFiles> {
  const found = new Set<string>();
  const missing: string[] = [];
  for (const path of paths) {
    const matches = await expand(resolve(options.root, path), path, options.root);
    if (matches === undefined) missing.push(path);
    for (const match of matches ?? []) found.add(match);
  }
  const named = new Set(paths.map((path) => resolve(options.root, path)));
  const left = [...found].filter(
    (path) => named.has(path) || !path.startsWith(resolve(options.without) + sep),
  );
  const files = left.map((path) => ({ path, source: sourceOf(path, options.root) }));
  files.sort((a, b) => a.source.localeCompare(b.source, "en", { numeric: true }));
  return { files, missing };
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
): Promise<readonly string[] | undefined> {
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

async function glob(pattern: string, folder: string): Promise<string[]> {
  try {
    const matches = await fastGlob(pattern, {
      cwd: folder,
      ignore: IGNORED,
      onlyFiles: true,
      followSymbolicLinks: false,
    });
    return matches.map((match) => (isAbsolute(match) ? resolve(match) : join(folder, match)));
  } catch (cause) {
    throw unreadable(folder, cause);
  }
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
