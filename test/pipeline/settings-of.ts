import { join } from "node:path";
import { readSettings, type Settings } from "../../pipeline/settings.ts";

/** Settings of these flags alone: no environment, no configuration file, and a cache in `folder`. */
export const settingsOf = (folder: string, flags: Readonly<Record<string, unknown>>): Settings =>
  readSettings({
    flags,
    environment: {},
    configPath: join(folder, "none.json"),
    isConfigRequired: false,
    defaultCache: join(folder, "cache"),
  });
