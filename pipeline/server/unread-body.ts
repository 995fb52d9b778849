import type { IncomingMessage, ServerResponse } from "node:http";

/** How long what is left of a body is still taken once its request has been answered, in milliseconds. */
const LINGER_MS = 30_000;

/**
 * Where a request is answered before its body has come to its end, throws away what still comes: a client that sends all of it before it reads
 * the answer would else wait for ever. Who is not done after half a minute is cut off.
 */
export function discardUnread(request: IncomingMessage, response: ServerResponse): void {
  response.once("finish", () => {
    if (request.complete) return;
    const { socket } = request;
    const cut = setTimeout(() => socket.destroy(), LINGER_MS);
    const onOver = () => {
      clearTimeout(cut);
      socket.off("close", onOver);
    };
    socket.once("close", onOver);
    request.once("end", onOver).resume();
  });
}
