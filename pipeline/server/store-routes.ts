import { Router } from "express";
import { z } from "zod";
import { modelIds } from "../served-models.ts";
import { json, type Operation, object } from "./openapi.ts";
import { parseBody } from "./request-fields.ts";
import { inTurn, type ServerParts } from "./server-parts.ts";
import type { StoreView } from "./store-view.ts";

const MAX_SHOWN_CHARACTERS = 200_000;
const MAX_LISTED = 1000;
const MAX_ID = 4096;

const whole = (most: number) => z.coerce.number().int().min(0).max(most);
const listQuery = z.object({
  offset: whole(1e9).default(0),
  limit: whole(MAX_LISTED).default(MAX_LISTED),
});
const textQuery = z.object({
  id: z.string().min(1).max(MAX_ID),
  start: whole(1e9).default(0),
  end: whole(1e9).optional(),
});
const idQuery = textQuery.pick({ id: true });
const searchBody = z.object({
  query: z.string().min(1).max(10_000),
  k: z.int().min(1).max(50).default(5),
});

/** What the page shows of the store: `/api/status`, `/api/documents`, `/api/document`, `/api/search`, `/api/prompts`. */
export function storeRoutes(parts: ServerParts, view: StoreView): Router {
  const router = Router();
  router.get("/api/status", async (_request, response) => {
    parts.state.requireReady();
    const { queue, answerer } = parts;
    response.json({
      ...(await view.status()),
      models: await modelIds(answerer),
      queue: { running: queue.running, waiting: queue.waiting },
    });
  });
  router.get("/api/documents", async (request, response) => {
    parts.state.requireReady();
    response.json({ documents: await view.documents(parseBody(listQuery, request.query)) });
  });
  router.delete("/api/documents", async (request, response) => {
    parts.state.requireReady();
    await view.removeDocument(parseBody(idQuery, request.query).id);
    response.status(204).end();
  });
  router.get("/api/document", async (request, response) => {
    parts.state.requireReady();
    const { id, start, end = start + MAX_SHOWN_CHARACTERS } = parseBody(textQuery, request.query);
    const last = Math.min(end, start + MAX_SHOWN_CHARACTERS);
    response.json(await view.documentText(id, { start, end: last }));
  });
  router.post("/api/search", async (request, response) => {
    const { query, k } = parseBody(searchBody, request.body);
    await inTurn(parts, parts.embeddingQueue, response, async ({ signal }) => {
      response.json({ results: await view.search(query, k, signal) });
    });
  });
  router.get("/api/prompts", async (_request, response) => {
    parts.state.requireReady();
    response.json({ prompts: await view.prompts() });
  });
  router.delete("/api/prompts/:name", async (request, response) => {
    await view.removePrompt(request.params.name);
    response.status(204).end();
  });
  return router;
}

const query = (name: string, schema: object, required = false) => ({
  name,
  in: "query",
  required,
  schema,
});
const wholeNumber = { type: "integer", minimum: 0 };

export const STORE_OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/api/status",
    id: "status",
    summary: "Models, counts, and the queue.",
    content: json(object("model", "embedder", "documents", "passages", "models", "queue")),
  },
  {
    method: "get",
    path: "/api/documents",
    id: "listDocuments",
    summary: "Documents of the store by source.",
    parameters: [
      query("offset", wholeNumber),
      query("limit", { ...wholeNumber, maximum: MAX_LISTED }),
    ],
    content: json(object("documents")),
    errors: [400],
  },
  {
    method: "delete",
    path: "/api/documents",
    id: "removeDocument",
    summary: "Removes a document from the store.",
    parameters: [query("id", { type: "string", minLength: 1 }, true)],
    errors: [400, 404],
    success: 204,
  },
  {
    method: "get",
    path: "/api/document",
    id: "readDocument",
    summary: "A document's text from start to end.",
    parameters: [
      query("id", { type: "string", minLength: 1 }, true),
      query("start", wholeNumber),
      query("end", wholeNumber),
    ],
    content: json(object("id", "source", "title", "format", "start", "end", "length", "text")),
    errors: [400, 404],
  },
  {
    method: "post",
    path: "/api/search",
    id: "search",
    summary: "Passages for a query.",
    body: searchBody,
    content: json(object("results")),
    errors: [400, 413, 429],
  },
  {
    method: "get",
    path: "/api/prompts",
    id: "listPrompts",
    summary: "Learned prompts.",
    content: json(object("prompts")),
  },
  {
    method: "delete",
    path: "/api/prompts/{name}",
    id: "removePrompt",
    summary: "Removes a learned prompt.",
    parameters: [{ name: "name", in: "path", required: true, schema: { type: "string" } }],
    errors: [400, 404],
    success: 204,
  },
];
