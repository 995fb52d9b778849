import { errorMessage, RagError } from "../../core/index.ts";
import { httpStatusOf } from "../http-status.ts";

/** An absolute path with at least one folder, of any system; not what follows a URL's scheme. */
const ABSOLUTE_PATH = /(?<![\w:/\\])(?:[A-Za-z]:)?[\\/][^\s:;"'`]*[\\/]([^\s:;"'`\\/]+)/g;

/**
 * What may be told of an error outside this process. A failure of the server's own names files without their folders; what is wrong with a
 * request is told as it is.
 */
export function publicMessage(thrown: unknown): string {
  const message = errorMessage(thrown);
  if (thrown instanceof RagError && httpStatusOf(thrown) < 500) return message;
  return message.replace(ABSOLUTE_PATH, "$1");
}
