import type { TuneSettings } from "../tune-settings.ts";

const MOST_BYTES = 6 * 2 ** 30;
const FREE_MEMORY_SHARE = 0.4;

/**
 * Room in memory for passages' keys and values: as set, else 40% of what is free now, at most 6 GiB. It changes no result. What is free is
 * what this process may still take: a container has less than its machine.
 */
export const passageCacheBytesOf = ({
  passageCacheBytes,
}: Pick<TuneSettings, "passageCacheBytes">): number =>
  passageCacheBytes ??
  Math.min(MOST_BYTES, Math.floor(FREE_MEMORY_SHARE * process.availableMemory()));
