import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../core/index.ts";
import { encodeOnnx, type Graph } from "../graph/index.ts";
import { Session, type SessionOptions } from "../runtime/index.ts";

/**
 * Compiles a graph whose weights lie in `folder`. The graph is written beside them because ONNX Runtime looks for
 * weight files next to the model file.
 */
export async function compileGraph(
  graph: Graph,
  folder: string,
  options: SessionOptions,
): Promise<Session> {
  const bytes = encodeOnnx(graph);
  const path = join(folder, `graph-${createHash("sha256").update(bytes).digest("hex")}.onnx`);
  const known = await stat(path).catch(() => undefined);
  if (known?.size !== bytes.byteLength) await writeFileAtomic(path, bytes);
  return Session.create(path, options);
}
