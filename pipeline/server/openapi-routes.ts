import { Router } from "express";
import { OPERATIONS, type Operation, openApiDocument } from "./openapi.ts";

/** `GET /openapi.json`: the operations of the endpoint, and of the routes beside it. */
export function openApiRoutes(more: readonly Operation[] = []): Router {
  const router = Router();
  let document: object | undefined;
  router.get("/openapi.json", (_request, response) => {
    document ??= openApiDocument([...OPERATIONS, ...more]);
    response.json(document);
  });
  return router;
}
