import { realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

/** A path without links on its way, as far as it is there. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // It is gone, or may not be looked at: what leads to it may still be known.
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}

/** Whether a path is a folder or lies in it. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** The one path by which a file is known, however it was reached. */
export interface RealPlaces {
  /** Without links among its folders; a file that is a link itself stays one. */
  readonly real: (path: string) => string;
  /** The same, but below the root where it was reached through a link that leads out of it. */
  readonly place: (path: string) => string;
}

/** `root`: the folder where commands run, which may have been reached through a link itself (/tmp on macOS). */
export function realPlaces(root: string): RealPlaces {
  const lexical = resolve(root);
  const base = realPath(lexical);
  // Files of a folder come together.
  const folders = new Map<string, string>();
  const real = (path: string): string => {
    const folder = dirname(path);
    const known = folders.get(folder) ?? realPath(folder);
    folders.set(folder, known);
    return join(known, basename(path));
  };
  const place = (path: string): string => {
    const own = real(path);
    if (isWithin(own, base)) return own;
    const way = [lexical, base].find((one) => isWithin(path, one));
    return way === undefined ? own : join(base, relative(way, path));
  };
  return { real, place };
}
