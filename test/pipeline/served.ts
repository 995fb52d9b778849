import type { TestContext } from "node:test";
import OpenAI from "openai";
import { type Log, silentLog } from "../../core/index.ts";
import type { Answerer } from "../../pipeline/answerer.ts";
import { createApp, type PageParts } from "../../pipeline/server/app.ts";
import { listen } from "../../pipeline/server/listen.ts";
import { ServerState } from "../../pipeline/server/server-state.ts";

export interface ServedOptions {
  readonly apiKey?: string;
  /** Others that are accepted. */
  readonly otherKeys?: readonly string[];
  readonly maxActive?: number;
  readonly maxWaiting?: number;
  readonly perKey?: number;
  readonly timeoutMs?: number;
  readonly isLoading?: boolean;
  readonly page?: PageParts | undefined;
  readonly log?: Log;
}

/** The real app on a free port until the test ends, with clients for it. */
export async function serveFor(t: TestContext, answerer: Answerer, options: ServedOptions = {}) {
  const { apiKey, maxActive = 2, maxWaiting = 4, timeoutMs = 60_000 } = options;
  const { otherKeys = [], perKey, isLoading = false, page, log = silentLog } = options;
  const state = new ServerState();
  if (!isLoading) state.becomeReady();
  const app = createApp({
    answerer,
    state,
    log,
    apiKeys: apiKey === undefined ? [] : [apiKey, ...otherKeys],
    maxActive,
    maxWaiting,
    perKey,
    timeoutMs,
    page,
  });
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  t.after(() => server.close(0));
  const client = new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: apiKey ?? "unused",
    maxRetries: 0,
  });
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
      headers: { "content-type": "application/json", ...init.headers },
    });
  return { url: server.url, server, state, client, post };
}

/** What the tests read of a response's JSON; a field is absent where the response has none. */
interface ResponseBody {
  readonly choices: readonly {
    readonly index: number;
    readonly logprobs: { readonly content: readonly object[] };
  }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export async function bodyOf(response: Response): Promise<ResponseBody> {
  return (await response.json()) as ResponseBody;
}
