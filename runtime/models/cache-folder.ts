import { posix, win32 } from "node:path";

/** Environment variables by name; read here: FOREWORD_CACHE, XDG_CACHE_HOME, LOCALAPPDATA. */
export type CacheEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Where models are cached: FOREWORD_CACHE, or the user's cache folder of the system (Windows LOCALAPPDATA, macOS
 * ~/Library/Caches, else XDG_CACHE_HOME or ~/.cache). Relative XDG paths are ignored, as their specification says.
 */
export function defaultCacheFolder(
  environment: CacheEnvironment,
  platform: NodeJS.Platform,
  home: string,
): string {
  const { FOREWORD_CACHE: chosen, LOCALAPPDATA: local, XDG_CACHE_HOME: xdg } = environment;
  if (chosen) return chosen;
  if (platform === "win32") {
    const base = local || win32.join(home, "AppData", "Local");
    return win32.join(base, "foreword", "Cache");
  }
  if (platform === "darwin") return posix.join(home, "Library", "Caches", "foreword");
  const base = xdg && posix.isAbsolute(xdg) ? xdg : posix.join(home, ".cache");
  return posix.join(base, "foreword");
}
