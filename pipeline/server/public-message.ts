import { errorMessage, RagError, withoutFolders } from "../../core/index.ts";
import { httpStatusOf } from "../http-status.ts";

/**
 * What may be told of an error outside this process. A failure of the server's own names files without their folders; what is wrong with a
 * request is told as it is.
 */
export function publicMessage(thrown: unknown): string {
  const message = errorMessage(thrown);
  if (thrown instanceof RagError && httpStatusOf(thrown) < 500) return message;
  return withoutFolders(message);
}
