import { posix, win32 } from "node:path";

/** Environment variables that say where caches go. */
export interface CacheEnvironment {
  readonly FOREWORD_CACHE?: string | undefined;
  readonly XDG_CACHE_HOME?: string | undefined;
  readonly LOCALAPPDATA?: string | undefined;
}

/**
 * Where models are cached: FOREWORD_CACHE, or the user's cache folder of the system (Windows LOCALAPPDATA, macOS
 * ~/Library/Caches, else XDG_CACHE_HOME or ~/.cache). Relative XDG paths are ignored, as their specification says.
 */
export function defaultCacheFolder(
  environment: CacheEnvironment,
  platform: NodeJS.Platform,
  home: string,
): string {
  if (environment.FOREWORD_CACHE) return environment.FOREWORD_CACHE;
  if (platform === "win32") {
    const base = environment.LOCALAPPDATA || win32.join(home, "AppData", "Local");
    return win32.join(base, "foreword", "Cache");
  }
  if (platform === "darwin") return posix.join(home, "Library", "Caches", "foreword");
  const xdg = environment.XDG_CACHE_HOME;
  const base = xdg && posix.isAbsolute(xdg) ? xdg : posix.join(home, ".cache");
  return posix.join(base, "foreword");
}
