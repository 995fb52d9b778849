import { Router } from "express";
import type { Answerer } from "../answerer.ts";
import { modelIds, modelObject, servedModel } from "./served-models.ts";
import type { ServerState } from "./server-state.ts";

/** `GET /v1/models` and `GET /v1/models/{id}`. */
export function modelsRoutes(parts: {
  readonly answerer: Answerer;
  readonly state: ServerState;
}): Router {
  const { answerer, state } = parts;
  const router = Router();
  router.get("/v1/models", async (_request, response) => {
    state.requireReady();
    const ids = await modelIds(answerer);
    response.json({ object: "list", data: ids.map(modelObject) });
  });
  router.get("/v1/models/:id", async (request, response) => {
    state.requireReady();
    const { id } = request.params;
    await servedModel(answerer, id);
    response.json(modelObject(id));
  });
  return router;
}
