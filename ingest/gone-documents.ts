import { existsSync } from "node:fs";
import { resolve, sep } from "node:path";
import fastGlob from "fast-glob";

/**
 * Whether a stored document lies below one of the given paths and its file is there no more. A glob reaches as far
 * as the folder its fixed part names.
 */
export function isGone(source: string, paths: readonly string[], root: string): boolean {
  const file = resolve(root, source.replace(/#[^#/]*$/, ""));
  const own = resolve(root, source);
  if (existsSync(own) || existsSync(file)) return false;
  return paths.some((path) => {
    const base = resolve(root, fixedPart(path));
    return file === base || own === base || file.startsWith(base.endsWith(sep) ? base : base + sep);
  });
}

function fixedPart(path: string): string {
  if (existsSync(path)) return path;
  const parts = path.split(/[\\/]/);
  const first = parts.findIndex((part) => fastGlob.isDynamicPattern(part));
  return first < 0 ? path : parts.slice(0, first).join("/") || ".";
}
