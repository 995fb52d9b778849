import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { errorMessage, RagError, systemCode } from "../../core/index.ts";

/** A server that accepts connections. */
export interface Listening {
  readonly url: string;
  /** Takes no new connection, waits for those in flight up to `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** Binds an address. Port 0 is any free one. @throws RagError server/port-in-use, config/invalid (address) */
export async function listen(
  app: RequestListener,
  address: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = createServer(app);
  await bind(server, address);
  const { port, family } = server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address.host}]` : address.host;
  return { url: `http://${host}:${port}`, close: (graceMs) => closeServer(server, graceMs) };
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
        `--host: ${JSON.stringify(host)} cannot be listened on (${systemCode(cause) ?? errorMessage(cause)}); use an address of this machine.`,
        { cause },
      );
  }
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/**
 * Refuses to be reachable from other machines without a key.
 * @throws RagError config/invalid
 */
export function requireKeyBeyondLoopback(host: string, apiKey: string | undefined): void {
  if (apiKey !== undefined || LOOPBACK.test(host)) return;
  throw new RagError(
    "config/invalid",
    `--host: ${host} can be reached from other machines, which needs an API key; set FOREWORD_API_KEY or listen on 127.0.0.1.`,
  );
}
