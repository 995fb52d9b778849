import { homedir } from "node:os";
import { defaultCacheFolder, type ResolvedModel, resolveModel } from "../runtime/index.ts";

/** A default model out of the user's cache; the first test that needs it fetches it. */
export async function defaultModel(
  name: "smollm2-135m-instruct" | "all-minilm-l6-v2",
): Promise<ResolvedModel> {
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  return resolveModel(name, { cacheFolder });
}
