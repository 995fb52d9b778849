import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { parseJson, RagError, readWholeFile, systemReason } from "../../core/index.ts";
import { JUDGEMENTS_BESIDE, JUDGEMENTS_FOLDER, JUDGEMENTS_INSIDE } from "../../ingest/index.ts";
import { documentNames } from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import type { RankedQuery } from "./retrieval-metrics.ts";

/** Queries with the documents that answer them. */
export interface RetrievalSet {
  /** "test", or whatever part of the set it is. */
  readonly split: string;
  readonly queries: readonly RetrievalQuery[];
}

export interface RetrievalQuery {
  readonly id: string;
  readonly text: string;
  /** Grade of each relevant document, above 0, by its id in the corpus. */
  readonly relevant: ReadonlyMap<string, number>;
}

const MAX_BYTES = 256 * 2 ** 20;
const id = z.union([z.string().min(1).max(512), z.int()]).transform(String);
const query = z.looseObject({
  _id: id.optional(),
  id: id.optional(),
  text: z.string().min(1).max(10_000),
});
const judgement = z.looseObject({
  queryId: id.optional(),
  "query-id": id.optional(),
  docId: id.optional(),
  "corpus-id": id.optional(),
  score: z.number().default(1),
});

/**
 * Reads a folder in BEIR's form: `queries.jsonl` with `{_id, text}` and `qrels/SPLIT.tsv` with `query-id corpus-id score`; or
 * `queries-SPLIT.jsonl` beside `qrels-SPLIT.jsonl` with `{queryId, docId, score}`; `.gz` as well. `split`: by default "test", or
 * the only one there is. Queries without a relevant document are left out.
 * @throws RagError file/not-found, file/unreadable, file/too-large, file/invalid, config/invalid for an unknown split
 */
export async function readRetrievalSet(
  folder: string,
  split: string | undefined,
  signal?: AbortSignal,
): Promise<RetrievalSet> {
  const { name, queriesPath, qrelsPath } = chooseSplit(folder, await splitsOf(folder), split);
  const read = async (path: string) =>
    (await readWholeFile(path, { maxBytes: MAX_BYTES, signal })).toString("utf8");
  const grades = readQrels(await read(qrelsPath), basename(qrelsPath));
  const texts = readQueries(await read(queriesPath), basename(queriesPath));
  const queries = [...texts].flatMap(([key, text]) => {
    const relevant = grades.get(key);
    return relevant ? [{ id: key, text, relevant }] : [];
  });
  if (queries.length > 0) return { split: name, queries };
  throw new RagError(
    "file/invalid",
    `${basename(qrelsPath)}: judges none of the queries of ${basename(queriesPath)}; check that they belong together.`,
  );
}

/** What was found for a query as documents of the corpus: passages of one document count once, at the first's rank. */
export function rankedDocuments(
  { relevant }: RetrievalQuery,
  found: readonly Passage[],
): RankedQuery {
  const ranked = found.map(
    (passage) =>
      documentNames(passage).find((name) => relevant.has(name)) ?? `other:${passage.documentId}`,
  );
  return { ranked, relevant };
}

interface Split {
  readonly name: string;
  readonly queriesPath: string;
  readonly qrelsPath: string;
}

async function splitsOf(folder: string): Promise<readonly Split[]> {
  const names = await namesIn(folder);
  const queries = names.find((name) => /^queries\.jsonl(\.gz)?$/.test(name));
  const inFolder =
    queries && names.includes(JUDGEMENTS_FOLDER)
      ? await namesIn(join(folder, JUDGEMENTS_FOLDER))
      : [];
  const own = inFolder.flatMap((file) => {
    const name = JUDGEMENTS_INSIDE.exec(file)?.[1];
    return name
      ? [
          {
            name,
            queriesPath: join(folder, queries!),
            qrelsPath: join(folder, JUDGEMENTS_FOLDER, file),
          },
        ]
      : [];
  });
  const beside = names.flatMap((file) => {
    const name = JUDGEMENTS_BESIDE.exec(file)?.[1];
    const partner = names.find((other) => other.startsWith(`queries-${name}.jsonl`)) ?? queries;
    return name && partner
      ? [{ name, queriesPath: join(folder, partner), qrelsPath: join(folder, file) }]
      : [];
  });
  return [...own, ...beside];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new RagError(
      "file/unreadable",
      `${basename(folder)}: cannot be read (${systemReason(cause)}); expected a folder.`,
      { cause },
    );
  }
}

function chooseSplit(folder: string, splits: readonly Split[], wanted: string | undefined): Split {
  const [first, second] = splits;
  if (!first) {
    throw new RagError(
      "file/not-found",
      `${basename(folder)}: expected a file of questions, or a folder with queries.jsonl and qrels/test.tsv; found no qrels beside queries.`,
    );
  }
  const chosen = splits.find(({ name }) => name === (wanted ?? "test"));
  if (chosen) return chosen;
  if (wanted === undefined && !second) return first;
  const names = splits.map(({ name }) => name).join(", ");
  throw new RagError(
    "config/invalid",
    `--split: ${basename(folder)} has ${names}; name one of them${wanted === undefined ? "" : `, not ${JSON.stringify(wanted)}`}.`,
  );
}

function readQueries(text: string, source: string): ReadonlyMap<string, string> {
  const queries = new Map<string, string>();
  for (const { where, value } of jsonLines(text, source)) {
    const result = query.safeParse(value);
    const key = result.data?._id ?? result.data?.id;
    if (key === undefined) throw invalid(where, '{"_id", "text"}');
    queries.set(key, result.data!.text);
  }
  return queries;
}

/** Grades by query, then by document. Grades of 0 say that a document was judged and is not relevant. */
function readQrels(text: string, source: string): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const grades = new Map<string, Map<string, number>>();
  const isTable = /\.tsv(\.gz)?$/.test(source);
  for (const { where, value } of isTable ? tableLines(text, source) : jsonLines(text, source)) {
    const result = judgement.safeParse(value);
    const queryId = result.data?.queryId ?? result.data?.["query-id"];
    const docId = result.data?.docId ?? result.data?.["corpus-id"];
    if (queryId === undefined || docId === undefined) {
      throw invalid(where, "a query id, a document id and a grade");
    }
    if (result.data!.score <= 0) continue;
    const own = grades.get(queryId) ?? new Map<string, number>();
    grades.set(queryId, own.set(docId, result.data!.score));
  }
  return grades;
}

interface Line {
  readonly where: string;
  readonly value: unknown;
}

function* jsonLines(text: string, source: string): Generator<Line> {
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const where = `${source} line ${index + 1}`;
    yield { where, value: parseJson(line, () => invalid(where, "JSON")) };
  }
}

/** BEIR's three columns, or trec's four (query, 0, document, grade); a head line is passed over. */
function* tableLines(text: string, source: string): Generator<Line> {
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const cells = line.split("\t");
    const grade = Number(cells.at(-1));
    if (line.trim() === "" || (index === 0 && Number.isNaN(grade))) continue;
    const value = { queryId: cells[0], docId: cells.at(-2), score: grade };
    yield { where: `${source} line ${index + 1}`, value: cells.length < 3 ? undefined : value };
  }
}

const invalid = (where: string, expected: string) =>
  new RagError("file/invalid", `${where}: expected ${expected}; correct the line.`);
