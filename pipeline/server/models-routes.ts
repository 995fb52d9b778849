import { Router } from "express";
import { modelIds, modelObject, servedModel } from "../served-models.ts";
import type { ServerParts } from "./server-parts.ts";

/** `GET /v1/models` and `GET /v1/models/{id}`. */
export function modelsRoutes(parts: Pick<ServerParts, "answerer" | "state">): Router {
  const { answerer, state } = parts;
  const router = Router();
  router.get("/v1/models", async (_request, response) => {
    state.requireReady();
    const ids = await modelIds(answerer);
    response.json({ object: "list", data: ids.map(modelObject) });
  });
  // Names of models elsewhere have slashes, which not every client encodes.
  router.get("/v1/models/*id", async (request, response) => {
    state.requireReady();
    const id = [request.params.id].flat().join("/");
    await servedModel(answerer, id);
    response.json(modelObject(id));
  });
  return router;
}
