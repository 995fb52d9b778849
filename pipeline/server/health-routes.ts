import { Router } from "express";
import type { ServerState } from "./server-state.ts";

/** `GET /healthz`: the process lives. `GET /readyz`: it can answer. */
export function healthRoutes(state: ServerState): Router {
  const router = Router();
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", (_request, response) => {
    response.status(state.phase === "ready" ? 200 : 503).json({ status: state.phase });
  });
  return router;
}
