import { readFile, rename, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { RagError, sha256, systemCode, writeFileAtomic } from "../core/index.ts";
import { encodeOnnx, type Graph } from "../graph/index.ts";
import { runtimeVersion, Session, type SessionOptions } from "../runtime/index.ts";

/** What is written beside an optimised graph: only bytes that have this sha256 are loaded. */
const sealSchema = z.strictObject({ sha256: z.string() });

/**
 * Compiles a graph whose weights lie in `folder`. The graph is written beside them because ONNX Runtime looks for
 * weight files next to the model file. For the processor, ONNX Runtime's optimised form is kept too and loaded the next time; one
 * that is damaged, or of another version or processor, is made anew, and where it cannot be kept the graph runs all the same.
 * @throws RagError engine/failed, config/invalid, file/write-failed
 */
export async function compileGraph(
  graph: Graph,
  folder: string,
  options: SessionOptions,
): Promise<Session> {
  const bytes = encodeOnnx(graph);
  const hash = sha256(bytes);
  const path = join(folder, `graph-${hash}.onnx`);
  const isProcessor = (options.provider ?? "cpu") === "cpu";
  const optimized = join(folder, `optimized-${optimizedKey(hash)}.onnx`);
  if (isProcessor) {
    const known = await loadOptimized(optimized, options);
    if (known) return known;
  }
  await writeUnlessEqual(path, bytes);
  return isProcessor ? compileAndKeep(path, optimized, options) : Session.create(path, options);
}

/** Compiles the graph at `path` and keeps its optimised form, unless the folder may only be read or the disk is full. */
async function compileAndKeep(
  path: string,
  optimized: string,
  options: SessionOptions,
): Promise<Session> {
  const fresh = `${optimized}.${process.pid}-${freshCount++}.tmp`;
  // Where there is nothing to remove, or it cannot be, the session matters more.
  const removeFresh = () => rm(fresh, { force: true }).catch(() => {});
  let session: Session;
  try {
    session = await Session.create(path, { ...options, saveOptimizedTo: fresh });
  } catch {
    await removeFresh();
    // What is wrong with the graph itself is thrown here again.
    return Session.create(path, options);
  }
  await seal(fresh, optimized).catch(removeFresh);
  return session;
}

let freshCount = 0;

/** An optimised graph fits one version of ONNX Runtime and one kind of processor. */
const optimizedKey = (graphHash: string): string =>
  sha256([graphHash, runtimeVersion(), process.arch, cpus()[0]?.model ?? ""].join("\n"));

async function loadOptimized(path: string, options: SessionOptions): Promise<Session | undefined> {
  if (!(await isSealed(path))) return undefined;
  try {
    return await Session.create(path, { ...options, optimize: "none" });
  } catch (thrown) {
    if (!(thrown instanceof RagError) || thrown.code !== "engine/failed") throw thrown;
    // What ONNX Runtime wrote it does not read: it is made again from the graph, in its place.
    return undefined;
  }
}

async function isSealed(path: string): Promise<boolean> {
  try {
    const { success, data } = sealSchema.safeParse(
      JSON.parse(await readFile(`${path}.json`, "utf8")),
    );
    return success && data.sha256 === sha256(await readFile(path));
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || thrown instanceof SyntaxError) return false;
    throw thrown;
  }
}

async function seal(fresh: string, path: string): Promise<void> {
  const content = { sha256: sha256(await readFile(fresh)) };
  await rename(fresh, path);
  await writeFileAtomic(`${path}.json`, JSON.stringify(content));
}

async function writeUnlessEqual(path: string, bytes: Uint8Array): Promise<void> {
  const known = await readFile(path).catch(() => undefined);
  if (!known?.equals(bytes)) await writeFileAtomic(path, bytes);
}
