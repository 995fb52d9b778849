import { RagError } from "../../core/index.ts";

/** A class of LangChain loaders that is made with one path, by where it is found. */
export interface LoaderClass {
  /** What people call it. */
  readonly name: string;
  /** A module as `import` takes it, or a path. */
  readonly module: string;
  readonly export: string;
}

/** Stands for the module of Foreword's own loaders. */
export const OWN_LOADERS = "foreword:loaders";
const COMMUNITY = "@langchain/community/document_loaders/fs";
/** Loaders that need no more than a path. */
const KNOWN: ReadonlyMap<string, Omit<LoaderClass, "name">> = new Map([
  ["obsidian", { module: `${COMMUNITY}/obsidian`, export: "ObsidianLoader" }],
  ["notion", { module: `${COMMUNITY}/notion`, export: "NotionLoader" }],
  ["chatgpt", { module: OWN_LOADERS, export: "ChatGptLoader" }],
]);

/**
 * A loader by name, or as `module#Class`: `obsidian`, `@langchain/community/document_loaders/fs/csv#CSVLoader`, `./my-loader.mjs#MyLoader`.
 * @throws RagError config/invalid
 */
export function loaderClass(name: string): LoaderClass {
  const known = KNOWN.get(name.toLowerCase());
  if (known) return { name, ...known };
  const [, module, exported] = /^([^#]+)#([\p{L}_$][\p{L}\p{N}_$]*)$/u.exec(name) ?? [];
  if (module !== undefined && exported !== undefined) return { name, module, export: exported };
  throw new RagError(
    "config/invalid",
    `--loader: expected ${[...KNOWN.keys()].join(", ")} or module#Class, found ${JSON.stringify(name)}; for example --loader obsidian.`,
  );
}
