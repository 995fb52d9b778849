import { createRequire } from "node:module";
import { nativePackage } from "../core/index.ts";

/** @throws RagError engine/failed when it is not there, or not for this system */
export const onnxRuntime = nativePackage("ONNX Runtime", (): typeof import("onnxruntime-node") =>
  createRequire(import.meta.url)("onnxruntime-node"),
);
