import { type Request, type Response, Router } from "express";
import { z } from "zod";
import { RagError } from "../../core/index.ts";
import type { Answerer } from "../answerer.ts";
import { invalidRequest } from "./chat-request.ts";
import { clientSignal } from "./client-signal.ts";
import type { ServerState } from "./server-state.ts";
import type { WorkQueue } from "./work-queue.ts";

const MAX_INPUTS = 2048;
const MAX_CHARACTERS = 100_000;

const text = z.string().min(1).max(MAX_CHARACTERS);
const schema = z.object({
  model: z.string().max(256),
  input: z.union([text, z.array(text).min(1).max(MAX_INPUTS)], {
    error: "expected a text that is not empty, or a list of such texts",
  }),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().nullish(),
});

/** `POST /v1/embeddings`; any `model` is answered by the store's embedder. */
export function embeddingsRoutes(parts: {
  readonly answerer: Answerer;
  readonly state: ServerState;
  readonly queue: WorkQueue;
}): Router {
  const { answerer, state, queue } = parts;
  const router = Router();
  router.post("/v1/embeddings", async (request: Request, response: Response) => {
    state.requireReady();
    const result = schema.safeParse(request.body);
    if (!result.success) throw invalidRequest(result.error);
    const { input, encoding_format: format, dimensions } = result.data;
    const signal = clientSignal(response);
    const leave = await queue.enter(signal);
    try {
      const { model, vectors, tokens } = await answerer.embed([input].flat(), signal);
      requireDimensions(dimensions, vectors[0]?.length ?? 0);
      response.json({
        object: "list",
        data: vectors.map((vector, index) => ({
          object: "embedding",
          index,
          embedding: format === "base64" ? toBase64(vector) : [...vector],
        })),
        model,
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      });
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      leave();
    }
  });
  return router;
}

function requireDimensions(wanted: number | null | undefined, found: number): void {
  if (wanted === undefined || wanted === null || wanted === found) return;
  throw new RagError(
    "request/unsupported",
    `dimensions: expected ${found}, this embedder's only size, found ${wanted}; leave it out.`,
    { param: "dimensions" },
  );
}

/** f32 little-endian, as OpenAI's clients decode it. */
function toBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}
