import { createRequire } from "node:module";
import { nativePackage } from "../../core/index.ts";

/** @throws RagError engine/failed when it is not there, or not for this system */
export const hnswlib = nativePackage(
  "hnswlib (the vector index)",
  (): typeof import("hnswlib-node") => createRequire(import.meta.url)("hnswlib-node"),
);
