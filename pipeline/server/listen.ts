import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { RagError, systemCode, systemReason } from "../../core/index.ts";

/** A client that takes longer to send its headers, or its whole request, is cut off. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 300_000;
const CHECKING_INTERVAL_MS = 2000;
const KEEP_ALIVE_MS = 5000;
/** How long a client that was refused has to take the answer and close its side. */
const REFUSED_MS = 1000;
/** How soon a connection is let go whose last response ends while the server closes. */
const IDLE_CHECK_MS = 100;

/** A server that accepts connections. */
export interface Listening {
  readonly url: string;
  /**
   * Waits up to `graceMs` for the requests in flight, then cuts them. Until then new ones are still given to the app, which says that the server
   * shuts down: a refused connection would say nothing.
   */
  close(graceMs: number): Promise<void>;
}

/** Binds an address. Port 0 is any free one. @throws RagError server/port-in-use, config/invalid (address) */
export async function listen(
  app: RequestListener,
  address: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECKING_INTERVAL_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Both are answered by the app, in the shape of every other error, not by Node without a body.
      requireHostHeader: false,
    },
    app,
  );
  server.on("checkExpectation", app);
  server.on("clientError", refuseConnection);
  const inFlight = responsesOf(server);
  await bind(server, address);
  const { port, family } = server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${port}`,
    close: (graceMs) => closeServer(server, inFlight, graceMs),
  };
}

/** The responses that are not complete, kept up to date. */
function responsesOf(server: Server): ReadonlySet<ServerResponse> {
  const inFlight = new Set<ServerResponse>();
  const add = (_: IncomingMessage, response: ServerResponse) => {
    inFlight.add(response);
    response.once("close", () => inFlight.delete(response));
  };
  server.prependListener("request", add);
  server.prependListener("checkExpectation", add);
  return inFlight;
}

function bind(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(bindError(cause, host, port)));
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}

function bindError(cause: Error, host: string, port: number): RagError {
  switch (systemCode(cause)) {
    case "EADDRINUSE":
      return new RagError(
        "server/port-in-use",
        `port ${port} is already in use; choose another with --port, or 0 for any free one.`,
        { cause },
      );
    case "EACCES":
      return new RagError(
        "server/port-in-use",
        `port ${port} needs more rights than this process has; choose one above 1023 with --port.`,
        { cause },
      );
    default:
      return new RagError(
        "config/invalid",
        `--host: ${JSON.stringify(host)} cannot be listened on (${systemReason(cause)}); use an address of this machine.`,
        { cause },
      );
  }
}

async function closeServer(
  server: Server,
  inFlight: ReadonlySet<ServerResponse>,
  graceMs: number,
): Promise<void> {
  server.prependListener("request", (_, response) => response.setHeader("connection", "close"));
  const closed = once(server, "close");
  const cut = setTimeout(() => {
    server.close();
    server.closeAllConnections();
  }, graceMs);
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  server.closeIdleConnections();
  await Promise.all([...inFlight].map((response) => once(response, "close")));
  server.close();
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

/** Answers what is no HTTP at all in the shape of every other error. */
function refuseConnection(error: Error, socket: Duplex): void {
  if (!socket.writable || systemCode(error) === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, message] = UNREADABLE[systemCode(error) ?? ""] ?? [
    "400 Bad Request",
    "the request is not valid HTTP; send it with an HTTP client.",
  ];
  const body = JSON.stringify({
    error: { message, type: "invalid_request_error", param: null, code: null },
  });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${randomUUID()}\r\nconnection: close\r\n\r\n${body}`,
  );
  // Not at once: what is cut off with bytes of the client's unread may lose the answer on its way.
  const cut = setTimeout(() => socket.destroy(), REFUSED_MS);
  socket.once("close", () => clearTimeout(cut));
}

const UNREADABLE: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    "431 Request Header Fields Too Large",
    "the request's headers are larger than this server takes; shorten them.",
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    "408 Request Timeout",
    "the request took too long to arrive; send it again.",
  ],
};

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Whether a host name or address can only mean this machine. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/**
 * Refuses to be reachable from other machines without a key.
 * @throws RagError config/invalid
 */
export function requireKeyBeyondLoopback(host: string, apiKeys: readonly string[]): void {
  if (apiKeys.length > 0 || isLoopback(host)) return;
  throw new RagError(
    "config/invalid",
    `--host: ${host} can be reached from other machines, which needs an API key; set FOREWORD_API_KEY or listen on 127.0.0.1.`,
  );
}
