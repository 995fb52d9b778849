import { serveWorker } from "../../runtime/index.ts";

/** A worker that dies when told to, for tests of what happens then. */
serveWorker({
  open: async () => undefined,
  wait: { concurrent: () => new Promise(() => setInterval(() => undefined, 1000)) },
  slow: async (ms: number) => new Promise((resolve) => setTimeout(() => resolve("slow"), ms)),
  quick: { concurrent: async () => "quick" },
  die: { concurrent: async () => process.exit(7) },
});
