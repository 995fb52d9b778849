import { z } from "zod";
import { VERSION } from "../version.ts";
import { chatRequestSchema } from "./chat-request.ts";
import { completionRequestSchema } from "./completion-request.ts";
import { embeddingsRequestSchema } from "./embeddings-routes.ts";

type Json = Readonly<Record<string, unknown>>;

/** One operation of the document. */
export interface Operation {
  readonly method: "get" | "post" | "put" | "delete";
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly parameters?: readonly Json[];
  /** What success sends, by content type; JSON of any form where nothing is said. */
  readonly content?: Json;
  /** The body is a file's bytes. */
  readonly binaryBody?: boolean;
  /** The status of success; 200 unless said. */
  readonly success?: 201 | 204;
  /** Statuses beside 200 and those every operation has. */
  readonly errors?: readonly number[];
}

const TEXT: Json = { "text/plain": { schema: { type: "string" } } };
export const json = (schema: Json): Json => ({ "application/json": { schema } });
export const object = (...required: string[]): Json => ({ type: "object", required });
const COMPLETION = object("id", "object", "created", "model", "choices", "usage");
/** Server-sent events, of which OpenAPI 3.1 has no schema. */
export const EVENTS: Json = { "text/event-stream": {} };
const HEALTH: Json = json(object("status"));

/** The operations clients of OpenAI's know, and those for running the server. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/v1/chat/completions",
    id: "createChatCompletion",
    summary: "Answers the last message, from the documents or by the bare model.",
    body: chatRequestSchema,
    content: { ...json(COMPLETION), ...EVENTS },
    errors: [400, 404, 413, 429],
  },
  {
    method: "post",
    path: "/v1/completions",
    id: "createCompletion",
    summary: "Continues a text, or scores it.",
    body: completionRequestSchema,
    content: { ...json(COMPLETION), ...EVENTS },
    errors: [400, 404, 413, 429],
  },
  {
    method: "post",
    path: "/v1/embeddings",
    id: "createEmbedding",
    summary: "Vectors of texts by the store's embedder.",
    body: embeddingsRequestSchema,
    content: json(object("object", "data", "model", "usage")),
    errors: [400, 413, 429],
  },
  {
    method: "get",
    path: "/v1/models",
    id: "listModels",
    summary:
      "The ways to be answered: retrieval with each learned prompt, plain, and the bare model.",
    content: json(object("object", "data")),
  },
  {
    method: "get",
    path: "/v1/models/{id}",
    id: "retrieveModel",
    summary: "One of the models.",
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
    content: json(object("id", "object", "created", "owned_by")),
    errors: [400, 404],
  },
  { method: "get", path: "/healthz", id: "health", summary: "The process lives.", content: HEALTH },
  {
    method: "get",
    path: "/readyz",
    id: "readiness",
    summary: "It can answer; 503 while it loads or shuts down.",
    content: HEALTH,
  },
  { method: "get", path: "/metrics", id: "metrics", summary: "Prometheus' text.", content: TEXT },
];

/** The OpenAPI document of these operations. @see OpenAPI Specification 3.1.0 */
export function openApiDocument(operations: readonly Operation[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    paths[operation.path]![operation.method] = operationJson(operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Foreword",
      version: VERSION,
      description: "Answers from your own documents, compatible with OpenAI's clients.",
    },
    security: [{ key: [] }, {}],
    paths,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      schemas: { Error: ERROR },
    },
  };
}

const nullable = { type: ["string", "null"] };
const ERROR: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      properties: {
        message: { type: "string" },
        type: { type: "string" },
        param: nullable,
        code: nullable,
      },
    },
  },
};

const ERROR_RESPONSES: Readonly<Record<number, string>> = {
  400: "The request is wrong; `param` names the field.",
  401: "An API key is needed.",
  403: "Not from another site.",
  404: "There is no such thing.",
  409: "It cannot be done in this state.",
  413: "The body is too large.",
  429: "The queue is full; see Retry-After.",
  500: "Something is wrong here; the server's log says what, under the request's id.",
  503: "Loading or shutting down, the answer took too long, or the engine died under the request.",
};

function operationJson(operation: Operation): Json {
  const { id, summary, parameters, content = json({}), errors = [], success = 200 } = operation;
  const statuses = [...new Set([...errors, 401, 403, 500, 503])].sort();
  const failures = statuses.map((status) => [
    String(status),
    {
      description: ERROR_RESPONSES[status],
      content: json({ $ref: "#/components/schemas/Error" }),
    },
  ]);
  return {
    operationId: id,
    summary,
    ...(parameters && { parameters }),
    ...requestBody(operation),
    responses: {
      [success]: { description: "Done.", ...(success !== 204 && { content }) },
      ...Object.fromEntries(failures),
    },
  };
}

function requestBody({ body, binaryBody }: Operation): Json {
  if (binaryBody) {
    const content = {
      "application/octet-stream": { schema: { type: "string", format: "binary" } },
    };
    return { requestBody: { required: true, content } };
  }
  return body ? { requestBody: { required: true, content: json(schemaOf(body, "input")) } } : {};
}

/** JSON Schema of what is asked for ("input") or sent. */
export function schemaOf(type: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: "any" });
  return schema;
}
