import { Router } from "express";
import type { ServerMetrics } from "./metrics.ts";

/** `GET /metrics`, for Prometheus. */
export function metricsRoutes(metrics: ServerMetrics): Router {
  const router = Router();
  router.get("/metrics", async (_request, response) => {
    const { body, contentType } = await metrics.text();
    response.setHeader("content-type", contentType);
    response.end(body);
  });
  return router;
}
