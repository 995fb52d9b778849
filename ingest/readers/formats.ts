import { basename, extname } from "node:path";

/** What a reader exists for, by how its files' names end. */
const EXTENSIONS = {
  ".txt": "text",
  ".text": "text",
  ".log": "text",
  ".adoc": "text",
  ".tex": "text",
  ".md": "markdown",
  ".markdown": "markdown",
  ".mdx": "markdown",
  ".rst": "rst",
  ".html": "html",
  ".htm": "html",
  ".xhtml": "html",
  ".pdf": "pdf",
  ".docx": "docx",
  ".docm": "docx",
  ".pptx": "pptx",
  ".pptm": "pptx",
  ".xlsx": "xlsx",
  ".xlsm": "xlsx",
  ".odt": "odf",
  ".ods": "odf",
  ".odp": "odf",
  ".epub": "epub",
  ".rtf": "rtf",
  ".csv": "csv",
  ".tsv": "csv",
  ".json": "json",
  ".eml": "email",
  ".srt": "subtitles",
} as const;

/** Source code and configuration, which keep their text. */
const CODE_EXTENSIONS = new Set(
  (
    ".ts .tsx .mts .cts .js .jsx .mjs .cjs .vue .svelte .css .scss .less .py .pyi .rb .php .pl .pm .lua .r .jl .java .kt .kts .scala " +
    ".groovy .clj .c .h .cc .cpp .cxx .hpp .hh .cs .fs .vb .go .rs .swift .m .mm .dart .ex .exs .erl .hrl .hs .ml .mli .elm .zig .nim " +
    ".sh .bash .zsh .fish .ps1 .bat .cmd .sql .graphql .proto .yaml .yml .toml .ini .cfg .conf .xml .xsd .tf .gradle .cmake .asm .s"
  ).split(" "),
);
/** Source code that is known by its whole name. */
const CODE_NAMES = new Set(["dockerfile", "makefile", "rakefile", "gemfile", "jenkinsfile"]);

export type Format = (typeof EXTENSIONS)[keyof typeof EXTENSIONS] | "code";

/** The endings that are read, "jsonl" (whose lines are documents of their own) included; those of source code are too many to list. */
export const READ_EXTENSIONS: readonly string[] = [
  ...Object.keys(EXTENSIONS),
  ".jsonl",
  ".jsonl.gz",
];

export function formatOf(path: string): Format | "jsonl" | undefined {
  const extension = extname(path).toLowerCase();
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(path)) return "jsonl";
  if (CODE_EXTENSIONS.has(extension) || CODE_NAMES.has(basename(path).toLowerCase())) return "code";
  return EXTENSIONS[extension as keyof typeof EXTENSIONS];
}
