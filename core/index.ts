export { temporaryPath, writeAtomic, writeFileAtomic } from "./atomic-file.ts";
export { parseWith } from "./config.ts";
export { type ErrorCode, errorMessage, RagError, systemCode } from "./error.ts";
export { type FileLockOptions, withFileLock } from "./file-lock.ts";
export { sha256, sha256File } from "./hash.ts";
export { createLog, type Log, type LogLevel, silentLog } from "./log.ts";
export { Random, type RandomState } from "./random.ts";
export { type FileLimits, fileBytes, readWholeFile } from "./whole-file.ts";
