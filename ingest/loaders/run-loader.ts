import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { errorMessage, RagError } from "../../core/index.ts";
import { MAX_TEXT_CHARACTERS } from "../readers/parsed-document.ts";
import type { DocumentLoader, LoadedDocument } from "./loaded-document.ts";
import { type LoaderClass, OWN_LOADERS } from "./loader-class.ts";

/** What one run of a loader may give, so that it can be sent on. */
const MAX_CHARACTERS = 8 * MAX_TEXT_CHARACTERS;

/**
 * Makes a loader with a path and runs it. Messages of its errors lack the path: the caller has it.
 * @throws RagError config/invalid when there is no such loader, file/not-found, file/too-large; the loader's own errors
 */
export async function runLoader(path: string, loader: LoaderClass): Promise<LoadedDocument[]> {
  if (!existsSync(path)) {
    throw new RagError("file/not-found", "there is no such file or folder; check the path.");
  }
  const Loader = (await importModule(loader))[loader.export];
  if (typeof Loader !== "function") {
    throw new RagError("config/invalid", `${loader.module}: has no class ${loader.export}.`);
  }
  const made = new (Loader as new (path: string) => DocumentLoader)(path);
  const documents = await made.load();
  let characters = 0;
  return documents.map(({ pageContent, metadata }) => {
    characters += pageContent.length;
    if (characters > MAX_CHARACTERS) {
      throw new RagError(
        "file/too-large",
        `holds more than ${MAX_CHARACTERS} characters; split it.`,
      );
    }
    // Only data can be sent to another process.
    return { pageContent, metadata: JSON.parse(JSON.stringify(metadata ?? {})) };
  });
}

/** A path, a package of the folder one works in, or one of Foreword's own. */
async function importModule({ module }: LoaderClass): Promise<Record<string, unknown>> {
  try {
    if (module === OWN_LOADERS) return await import("./chatgpt-loader.ts");
    return await import(locate(module));
  } catch (cause) {
    throw new RagError(
      "config/invalid",
      `${module}: cannot be loaded (${errorMessage(cause)}); check its name, and that it is installed.`,
      { cause },
    );
  }
}

function locate(module: string): string {
  const path = resolve(module);
  if (existsSync(path)) return pathToFileURL(path).href;
  try {
    return pathToFileURL(createRequire(resolve("package.json")).resolve(module)).href;
  } catch {
    // It is not installed there.
    return module;
  }
}
