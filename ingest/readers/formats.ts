import { extname } from "node:path";

/** What a reader exists for, by how its files' names end. */
const EXTENSIONS = {
  ".txt": "text",
  ".text": "text",
  ".md": "markdown",
  ".markdown": "markdown",
  ".mdx": "markdown",
  ".rst": "rst",
  ".html": "html",
  ".htm": "html",
  ".xhtml": "html",
  ".pdf": "pdf",
  ".docx": "docx",
  ".epub": "epub",
} as const;

export type Format = (typeof EXTENSIONS)[keyof typeof EXTENSIONS];

/** The endings that are read, "jsonl" (whose lines are documents of their own) included. */
export const READ_EXTENSIONS: readonly string[] = [...Object.keys(EXTENSIONS), ".jsonl"];

export function formatOf(path: string): Format | "jsonl" | undefined {
  const extension = extname(path).toLowerCase();
  if (extension === ".jsonl" || extension === ".ndjson") return "jsonl";
  return EXTENSIONS[extension as keyof typeof EXTENSIONS];
}
