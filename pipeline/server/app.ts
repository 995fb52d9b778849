import express, { type Express } from "express";
import { type Log, RagError } from "../../core/index.ts";
import type { Answerer } from "../answerer.ts";
import { requireApiKey } from "./authentication.ts";
import { chatRoutes } from "./chat-routes.ts";
import { embeddingsRoutes } from "./embeddings-routes.ts";
import { errorHandler } from "./error-responses.ts";
import { healthRoutes } from "./health-routes.ts";
import { modelsRoutes } from "./models-routes.ts";
import { requestId } from "./request-id.ts";
import type { ServerState } from "./server-state.ts";
import { WorkQueue } from "./work-queue.ts";

export interface AppOptions {
  readonly answerer: Answerer;
  readonly state: ServerState;
  readonly log: Log;
  /** Required of every request but health checks, where there is one. */
  readonly apiKey?: string | undefined;
  /** Requests that may wait beyond those being answered. */
  readonly maxWaiting: number;
}

/** The generator works on one token at a time; two requests keep it busy while one retrieves. */
const ACTIVE_REQUESTS = 2;
const MAX_BODY = "4mb";

/** The OpenAI-compatible endpoint; it can be tested without a port. */
export function createApp(options: AppOptions): Express {
  const { answerer, state, log, apiKey, maxWaiting } = options;
  const queue = new WorkQueue(ACTIVE_REQUESTS, maxWaiting);
  const parts = { answerer, state, queue, log };
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(requestId);
  app.use(healthRoutes(state));
  if (apiKey !== undefined) app.use(requireApiKey(apiKey));
  app.use(express.json({ limit: MAX_BODY }));
  app.use(modelsRoutes(parts));
  app.use(chatRoutes(parts));
  app.use(embeddingsRoutes(parts));
  app.use((request) => {
    throw new RagError(
      "request/not-found",
      `${request.method} ${request.path.slice(0, 200)}: there is no such address; see /v1/models and /v1/chat/completions.`,
    );
  });
  app.use(errorHandler(log));
  return app;
}
