import { pino } from "pino";

/** Structured log lines to stderr; fields first, message second: `log.warn({ source }, "skipped")`. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** A JSON logger on stderr; stdout belongs to results. Never pass document text, keys or absolute paths. */
export function createLog(level: LogLevel): Log {
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}

/** For callers that did not ask for logs. */
export const silentLog: Log = createLog("silent");
