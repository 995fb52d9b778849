import { createRequire } from "node:module";
import type Database from "better-sqlite3";
import { briefReason, RagError } from "../../core/index.ts";

/** How long a connection waits for another one's transaction. */
export const BUSY_TIMEOUT_MS = 10_000;
/** The first Node whose Node-API (version 10) the newer binding asks for. */
const FIRST_WITH_NODE_API_10 = [22, 14] as const;

/**
 * SQLite for the running Node. better-sqlite3 12 runs on Node 20 but ends the process when Node 24.19 or later
 * collects a statement; 13 cannot be loaded by Node 20. Both are installed and have the same interface.
 * @throws RagError file/unreadable when it is not installed, or no file can be opened
 * @see docs/decisions/2026-11-24-two-sqlite-bindings.md
 */
export function loadSqlite(nodeVersion: string = process.versions.node): typeof Database {
  const name = sqlitePackage(nodeVersion);
  try {
    const Sqlite: typeof Database = createRequire(import.meta.url)(name);
    // Its native part is looked for with the first database.
    new Sqlite(":memory:").close();
    return Sqlite;
  } catch (cause) {
    throw new RagError(
      "file/unreadable",
      `${name}: SQLite cannot be loaded (${briefReason(cause)}); install Foreword again for this version of Node, without --ignore-scripts, and check the limit of open files.`,
      { cause },
    );
  }
}

/** The package to load under a version of Node, such as "24.21.0". */
export function sqlitePackage(nodeVersion: string): "better-sqlite3" | "better-sqlite3-napi" {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  const [firstMajor, firstMinor] = FIRST_WITH_NODE_API_10;
  const isNew = major > firstMajor || (major === firstMajor && minor >= firstMinor);
  return isNew ? "better-sqlite3-napi" : "better-sqlite3";
}
