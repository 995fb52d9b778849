/**
 * Every failure a user can meet has a code `area/what`. The HTTP status and the exit code are derived
 * from it in one table each (`pipeline/`), so the place that notices a problem need not know who asked.
 */
export type ErrorCode =
  | "config/invalid"
  | "file/not-found"
  | "file/unreadable"
  | "file/unsupported"
  | "file/invalid"
  | "file/too-large"
  | "file/locked"
  | "file/write-failed"
  | "model/unknown"
  | "model/unavailable"
  | "model/checksum"
  | "model/invalid"
  | "model/unsupported"
  | "graph/shape"
  | "graph/unsupported"
  | "engine/failed"
  | "context/overflow"
  | "store/empty"
  | "store/invalid"
  | "store/mismatch"
  | "prompt/not-found"
  | "prompt/invalid"
  | "prompt/mismatch"
  | "qa/invalid"
  | "train/diverged"
  | "server/port-in-use"
  | "request/invalid"
  | "request/unsupported"
  | "request/not-found"
  | "request/unauthorized"
  | "request/forbidden"
  | "request/too-large"
  | "request/conflict"
  | "server/busy"
  | "server/unavailable"
  | "internal";

/**
 * An error for people: where, what was expected, what was found, what to do next, in one sentence.
 * Programmer mistakes are `assert`ed instead.
 */
export class RagError extends Error {
  override readonly name = "RagError";
  readonly code: ErrorCode;
  /** The request field or flag the error is about, where there is one. */
  readonly param: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; param?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param;
  }
}

/** The message of anything that was thrown, for use inside another sentence. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node system error ("ENOENT", "EADDRINUSE", …), or undefined for anything else. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** What a system error says in words ("EMFILE: too many open files"), without the path that its message names; the message of any other error. */
export function systemReason(thrown: unknown): string {
  const code = systemCode(thrown);
  const message = errorMessage(thrown);
  if (code === undefined) return message;
  return message.startsWith(`${code}: `) ? message.replace(/\s*[,'"].*$/s, "") : code;
}

/** How an absolute path begins, of any system, also as an address of a file. */
const ROOT = String.raw`(?:file:\/\/\/?)?(?:[A-Za-z]:)?[\\/]`;
/** Up to its closing quote, a path may have spaces and apostrophes. */
const QUOTED_PATH = new RegExp(`(["'\`])(${ROOT}.*?)\\1(?=$|[\\s,.;:)\\]])`, "gm");
/** Where a message says first what it is about: "/a folder/x: is damaged". */
const LEADING_PATH = new RegExp(`^${ROOT}[^:"'\`\\n]*(?=: )`);
/** With at least one folder; not what follows a URL's scheme, nor the rest of a path that begins elsewhere (./a, ../a, ~/a, <store>/a). */
const BARE_PATH = new RegExp(
  `(?<![\\w:/\\\\.~>])${ROOT}[^\\s:;"'\`]*[\\\\/][^\\s:;"'\`\\\\/]+`,
  "g",
);

/** A message that names files without their folders. */
export function withoutFolders(message: string): string {
  return message
    .replace(QUOTED_PATH, (_, quote: string, path: string) => quote + lastName(path) + quote)
    .replace(LEADING_PATH, lastName)
    .replace(BARE_PATH, lastName);
}

const lastName = (path: string): string =>
  path.split(/[\\/]/).findLast((name) => name !== "") ?? path;

/** The first line of what Node or a library says of a failure, which may go on with stacks and paths; without folders. */
export const briefReason = (thrown: unknown): string =>
  withoutFolders(errorMessage(thrown).split("\n", 1)[0]!);

/** Whether the system refused for lack of permission. */
export function isForbidden(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code === "EACCES" || code === "EPERM";
}
