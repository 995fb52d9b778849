export { aborted } from "./aborted.ts";
export {
  fillFolder,
  prepareFolderOf,
  renameDurably,
  temporaryPath,
  writeAtomic,
  writeFileAtomic,
} from "./atomic-file.ts";
export { nameIn, parseWith, type Source } from "./config.ts";
export {
  briefReason,
  type ErrorCode,
  errorMessage,
  isForbidden,
  RagError,
  systemCode,
  systemReason,
  withoutFolders,
} from "./error.ts";
export { type FileLockOptions, withFileLock } from "./file-lock.ts";
export { isPlainFileName } from "./file-name.ts";
export { groupBy } from "./group-by.ts";
export { sha256, sha256File, sha256OfPieces } from "./hash.ts";
export { describeIssue } from "./issue.ts";
export { readBytes, writeBytes } from "./large-file.ts";
export { createLog, type Log, type LogLevel, silentLog } from "./log.ts";
export { mapInSteps } from "./map-in-steps.ts";
export { nativePackage } from "./native-package.ts";
export { parseJson } from "./parse-json.ts";
export { Random, type RandomState } from "./random.ts";
export { countWords, segmentsOf } from "./segments.ts";
export { type FileLimits, fileBytes, readWholeFile } from "./whole-file.ts";
