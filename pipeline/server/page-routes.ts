import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import express, { Router } from "express";
import { RagError } from "../../core/index.ts";

/** `GET /` and the files of the page. */
export function pageRoutes(): Router {
  const router = Router();
  router.use(
    express.static(pageFolder(), {
      index: "index.html",
      dotfiles: "ignore",
      redirect: false,
      // Checked with the server each time: the page and its parts always belong together.
      setHeaders: (response) => response.setHeader("cache-control", "no-cache"),
    }),
  );
  return router;
}

/** `web/` at the root of the package, above this module wherever it was built to. */
function pageFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const page = join(folder, "web");
    if (existsSync(join(page, "index.html"))) return page;
    if (folder === dirname(folder)) {
      throw new RagError("file/not-found", "web/: the page's files are missing; install again.");
    }
  }
}
