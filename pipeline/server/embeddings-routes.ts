import { type Request, type Response, Router } from "express";
import { z } from "zod";
import { mapInSteps, RagError } from "../../core/index.ts";
import type { Answerer } from "../answerer.ts";
import { decodeOpenAiTokens } from "./openai-tokens.ts";
import { parseBody } from "./request-fields.ts";
import { inTurn, type ServerParts } from "./server-parts.ts";
import { tokenIds } from "./token-ids.ts";

const MAX_INPUTS = 2048;
const MAX_CHARACTERS = 100_000;

const text = z.string().min(1).max(MAX_CHARACTERS);
const ids = tokenIds(MAX_CHARACTERS);

export const embeddingsRequestSchema = z.object({
  model: z.string().max(256),
  input: z.union(
    [text, ids, z.array(text).min(1).max(MAX_INPUTS), z.array(ids).min(1).max(MAX_INPUTS)],
    { error: "expected a text that is not empty, token ids, or a list of either" },
  ),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().min(1).nullish(),
});

/** `POST /v1/embeddings`; any `model` is answered by the store's embedder. */
export function embeddingsRoutes(parts: ServerParts): Router {
  const router = Router();
  router.post("/v1/embeddings", async (request: Request, response: Response) => {
    parts.state.requireReady();
    const {
      input,
      encoding_format: format,
      dimensions,
    } = parseBody(embeddingsRequestSchema, request.body);
    await inTurn(parts, parts.embeddingQueue, response, async ({ signal }) => {
      await requireDimensions(dimensions, parts.answerer);
      const texts = await textsOf(input, signal);
      const { model, vectors, tokens } = await parts.answerer.embed(texts, signal);
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
    });
  });
  return router;
}

/** LangChain's Python client sends texts as OpenAI's token ids. */
async function textsOf(
  input: z.infer<typeof embeddingsRequestSchema>["input"],
  signal: AbortSignal,
): Promise<string[]> {
  if (typeof input === "string") return [input];
  if (typeof input[0] === "number") return [decodeOpenAiTokens(input as number[])];
  return mapInSteps(
    input as (string | number[])[],
    (item) => (typeof item === "string" ? item : decodeOpenAiTokens(item)),
    signal,
  );
}

async function requireDimensions(
  wanted: number | null | undefined,
  answerer: Answerer,
): Promise<void> {
  if (wanted === undefined || wanted === null) return;
  const only = await answerer.embeddingDimension();
  if (wanted === only) return;
  throw new RagError(
    "request/unsupported",
    `dimensions: expected ${only}, this embedder's only size, found ${wanted}; leave it out.`,
    { param: "dimensions" },
  );
}

/** f32 little-endian, as OpenAI's clients decode it. */
function toBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}
