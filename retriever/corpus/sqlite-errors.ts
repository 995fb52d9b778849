import { errorMessage, RagError, systemCode } from "../../core/index.ts";

/** Only the conditions of a filter grow. @see SQLite, Limits */
const TOO_LARGE = /too many SQL variables|Expression tree is too large|parser stack overflow/;

/**
 * What SQLite says, in words a user can act on. Errors of others come back as they are.
 * @see SQLite, Result and Error Codes
 */
export function storeError(thrown: unknown, path: string): unknown {
  const code = systemCode(thrown);
  if (thrown instanceof RagError || !code?.startsWith("SQLITE_")) return thrown;
  const fail = (area: "store/invalid" | "file/write-failed" | "file/locked", advice: string) =>
    new RagError(area, `${path}: ${advice} (${errorMessage(thrown)}).`, { cause: thrown });
  if (code === "SQLITE_ERROR" && TOO_LARGE.test(errorMessage(thrown))) {
    return new RagError(
      "config/invalid",
      `filter: has too many terms for one search (${errorMessage(thrown)}); ask for fewer.`,
      { cause: thrown },
    );
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return fail("store/invalid", "is damaged; restore a backup, or ingest into another folder");
  }
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return fail("file/locked", "another foreword process is writing; try again when it is done");
  }
  if (code === "SQLITE_FULL") {
    return fail("file/write-failed", "the disk is full; nothing was changed. Free some space");
  }
  if (/^SQLITE_(READONLY|CANTOPEN|IOERR|PERM)/.test(code)) {
    return fail(
      "file/write-failed",
      "cannot be written; nothing was changed. Check permissions, space and the limit of open files",
    );
  }
  return thrown;
}
