import { basename, dirname } from "node:path";

/** File names of a retrieval set in BEIR's form, with the split they are of; judgements stand beside the queries, or in a folder. */
export const JUDGEMENTS_BESIDE = /^qrels-(.+)\.(?:tsv|jsonl)(?:\.gz)?$/;
export const JUDGEMENTS_FOLDER = "qrels";
export const JUDGEMENTS_INSIDE = /^(.+)\.(?:tsv|jsonl)(?:\.gz)?$/;

type Role = "corpus" | "queries" | "judgements";

/** What a file is in the retrieval set that its folder may be. */
function roleOf(file: string): { readonly role: Role; readonly folder: string } | undefined {
  const [name, folder] = [basename(file), dirname(file)];
  if (/^corpus\.jsonl(\.gz)?$/.test(name)) return { role: "corpus", folder };
  if (/^queries(-.+)?\.jsonl(\.gz)?$/.test(name)) return { role: "queries", folder };
  if (JUDGEMENTS_BESIDE.test(name)) return { role: "judgements", folder };
  return basename(folder) === JUDGEMENTS_FOLDER && JUDGEMENTS_INSIDE.test(name)
    ? { role: "judgements", folder: dirname(folder) }
    : undefined;
}

/**
 * Files without the queries and judgements beside a corpus in BEIR's form: as passages, every query would find itself. A folder that lacks
 * one of the three is no such set, and all of it stays.
 * @see https://github.com/beir-cellar/beir (corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv)
 */
export function withoutQueries(files: readonly string[]): string[] {
  const sets = new Map<string, Set<Role>>();
  for (const { role, folder } of files.flatMap((file) => roleOf(file) ?? [])) {
    sets.set(folder, (sets.get(folder) ?? new Set()).add(role));
  }
  return files.filter((file) => {
    const { role = "corpus", folder = "" } = roleOf(file) ?? {};
    return role === "corpus" || sets.get(folder)?.size !== 3;
  });
}
