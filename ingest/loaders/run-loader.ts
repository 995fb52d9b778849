import { existsSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";
import { briefReason, RagError, systemCode } from "../../core/index.ts";
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
  if (module === OWN_LOADERS) return await import("./chatgpt-loader.ts");
  const path = resolve(module);
  const isFile = existsSync(path);
  if (!isFile && (isAbsolute(module) || /^\.{1,2}[\\/]/.test(module))) {
    throw new RagError("config/invalid", `${module}: there is no such file; check the path.`);
  }
  try {
    return await (isFile ? import(pathToFileURL(path).href) : importPackage(module));
  } catch (cause) {
    throw new RagError(
      "config/invalid",
      `${module}: cannot be loaded (${reasonOf(cause)}); check its name, and that it is installed.`,
      { cause },
    );
  }
}

type ImportFrom = (module: string) => Promise<Record<string, unknown>>;

async function importPackage(module: string): Promise<Record<string, unknown>> {
  try {
    // import() looks for packages from the file it stands in: here one in the folder where one works. require.resolve finds none that has
    // ES modules only.
    const script = new Script("(module) => import(module)", {
      filename: resolve("foreword-loader.mjs"),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    return await (script.runInThisContext() as ImportFrom)(module);
  } catch (cause) {
    const code = systemCode(cause);
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    // It is not installed there.
    return await import(module);
  }
}

/** What Node says of a module also names the file that imports it. */
const reasonOf = (cause: unknown): string => briefReason(cause).replace(/ imported from .*$/, "");
