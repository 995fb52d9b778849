import express, { type Express, type Router } from "express";
import { type Log, RagError } from "../../core/index.ts";
import type { Answerer } from "../answerer.ts";
import type { Jobs } from "../jobs/jobs.ts";
import { requireApiKey } from "./authentication.ts";
import { chatRoutes } from "./chat-routes.ts";
import { completionRoutes } from "./completion-routes.ts";
import { embeddingsRoutes } from "./embeddings-routes.ts";
import { errorHandler } from "./error-responses.ts";
import { healthRoutes } from "./health-routes.ts";
import { JOB_OPERATIONS, jobsRoutes } from "./jobs-routes.ts";
import { ServerMetrics } from "./metrics.ts";
import { metricsRoutes } from "./metrics-routes.ts";
import { modelsRoutes } from "./models-routes.ts";
import { openApiRoutes } from "./openapi-routes.ts";
import { pageRoutes } from "./page-routes.ts";
import { requestId } from "./request-id.ts";
import { requestLog } from "./request-log.ts";
import { requireHost, requireOwnOrigin } from "./request-origin.ts";
import { securityHeaders } from "./security-headers.ts";
import type { ServerParts } from "./server-parts.ts";
import type { ServerState } from "./server-state.ts";
import { STORE_OPERATIONS, storeRoutes } from "./store-routes.ts";
import type { StoreView } from "./store-view.ts";
import { UPLOAD_OPERATIONS, uploadsRoutes } from "./uploads-routes.ts";
import { WorkQueue } from "./work-queue.ts";

export interface AppOptions {
  readonly answerer: Answerer;
  readonly state: ServerState;
  readonly log: Log;
  readonly metrics?: ServerMetrics;
  /** One of these is required of every request but health checks, where there are any. */
  readonly apiKeys: readonly string[];
  /** Answers generated at once. */
  readonly maxActive: number;
  /** Requests that may wait beyond those being answered. */
  readonly maxWaiting: number;
  /** Requests one key may have running or waiting. */
  readonly perKey?: number | undefined;
  /** The longest a request may work. */
  readonly timeoutMs: number;
  /** The page and what it shows; without it only the endpoint is served. */
  readonly page?: PageParts | undefined;
}

/** What the page works with. */
export interface PageParts {
  readonly store: string;
  readonly view: StoreView;
  readonly jobs: Jobs;
}

const MAX_BODY = "4mb";
/** The embedder works on one batch at a time; two requests keep it busy. */
const ACTIVE_EMBEDDINGS = 2;

/** The OpenAI-compatible endpoint; it can be tested without a port. */
export function createApp(options: AppOptions): Express {
  const { state, log, apiKeys } = options;
  const parts = partsOf(options);
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(requestId, requestLog(log, parts.metrics), securityHeaders, requireHost);
  app.use(healthRoutes(state));
  app.use(apiKeys.length > 0 ? requireApiKey(apiKeys) : requireOwnOrigin);
  // Before bodies are read as JSON: an upload is bytes, whatever it says it is.
  if (options.page) app.use(uploadsRoutes(parts, options.page.store));
  app.use(express.json({ limit: MAX_BODY }));
  app.use(modelsRoutes(parts));
  app.use(chatRoutes(parts));
  app.use(completionRoutes(parts));
  app.use(embeddingsRoutes(parts));
  app.use(metricsRoutes(parts.metrics));
  app.use(openApiRoutes(options.page ? PAGE_OPERATIONS : []));
  if (options.page) app.use(...routesOfPage(parts, options.page));
  app.use((request) => {
    throw new RagError(
      "request/not-found",
      `${request.method} ${request.path.slice(0, 200)}: there is no such address; see /openapi.json for those there are.`,
    );
  });
  app.use(errorHandler(log));
  return app;
}

const PAGE_OPERATIONS = [...STORE_OPERATIONS, ...UPLOAD_OPERATIONS, ...JOB_OPERATIONS];

const routesOfPage = (parts: ServerParts, { view, jobs }: PageParts): Router[] => [
  storeRoutes(parts, view),
  jobsRoutes(parts, jobs),
  pageRoutes(),
];

function partsOf(options: AppOptions): ServerParts {
  const { answerer, state, log, maxWaiting, maxActive, perKey, timeoutMs } = options;
  const metrics = options.metrics ?? new ServerMetrics();
  const queue = new WorkQueue({ active: maxActive, maxWaiting, perClient: perKey });
  const embeddingQueue = new WorkQueue({
    active: ACTIVE_EMBEDDINGS,
    maxWaiting,
    perClient: perKey,
  });
  metrics.watch({ queue, state, readEngine: () => answerer.engineStatus() });
  return { answerer, state, log, metrics, queue, embeddingQueue, timeoutMs };
}
