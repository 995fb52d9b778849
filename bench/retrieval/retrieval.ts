import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { RagError } from "../../core/index.ts";
import { relevantPassages } from "../../pipeline/evaluation/relevance.ts";
import {
  type RankedQuery,
  type RetrievalMetrics,
  retrievalMetrics,
} from "../../pipeline/evaluation/retrieval-metrics.ts";
import { rankedDocuments, readRetrievalSet } from "../../pipeline/evaluation/retrieval-set.ts";
import { openWorkspace } from "../../pipeline/open-foreword.ts";
import type { Passage } from "../../pipeline/passage.ts";
import { readQaFile } from "../../ptuning/index.ts";
import { describeMachine } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";

const MODES = ["dense", "keyword", "hybrid"] as const;
/** Passages of one document count once, so more are fetched than are scored. */
const FETCHED = 30;

interface Questions {
  readonly name: string;
  readonly texts: readonly string[];
  readonly judge: (index: number, found: readonly Passage[]) => RankedQuery;
}

interface Measured {
  readonly dataset: string;
  readonly questions: string;
  readonly documents: number;
  readonly passages: number;
  readonly embedder: string;
  readonly modes: Readonly<Record<string, RetrievalMetrics>>;
}

/**
 * What search finds of real data sets in whole stores: recall, MRR and nDCG@10 of dense, keyword and hybrid search with the default
 * settings. `--data FOLDER --stores FOLDER`: a folder of questions (qa-dev.jsonl, or queries and qrels) and a store for each data set, made with
 * `foreword ingest DATASET/passages.jsonl --store STORES/DATASET`.
 */
export async function bench({ data, stores, threads, say }: BenchOptions): Promise<BenchResult> {
  if (!data || !stores) {
    throw new RagError("config/invalid", "retrieval: give --data FOLDER and --stores FOLDER.");
  }
  const results: Measured[] = [];
  for (const name of readdirSync(stores).sort()) {
    const questions = await questionsOf(join(data, name));
    if (!questions) continue;
    say(`${name}: ${questions.texts.length} questions of ${questions.name}`);
    results.push(await measure(name, join(stores, name), questions, threads));
  }
  const result = { machine: describeMachine(), results };
  return { lines: results.flatMap(linesOf), result };
}

async function measure(
  dataset: string,
  store: string,
  { name, texts, judge }: Questions,
  threads: number,
): Promise<Measured> {
  const { workspace } = openWorkspace({ store, threads });
  try {
    const corpus = await workspace.corpus();
    const retriever = await workspace.retriever();
    const modes: Record<string, RetrievalMetrics> = {};
    for (const mode of MODES) {
      const found = await retriever.searchMany(texts, { k: FETCHED, mode });
      modes[mode] = retrievalMetrics(found.map((passages, index) => judge(index, passages)));
    }
    const { documents, chunks: passages } = corpus.counts();
    const { id: embedder } = corpus.embedder;
    return { dataset, questions: name, documents, passages, embedder, modes };
  } finally {
    await workspace.close();
  }
}

async function questionsOf(folder: string): Promise<Questions | undefined> {
  for (const name of ["qa-dev.jsonl", "qa-dev.jsonl.gz"]) {
    if (!existsSync(join(folder, name))) continue;
    const { pairs } = await readQaFile(join(folder, name));
    return {
      name,
      texts: pairs.map(({ question }) => question),
      judge: (index, found) => relevantPassages(pairs[index]!, found),
    };
  }
  if (!existsSync(folder)) return undefined;
  const test = readdirSync(folder).find((name) => /^qrels-test.*\.jsonl/.test(name));
  if (!test) return undefined;
  const split = /^qrels-(.+?)\.jsonl/.exec(test)![1];
  const { queries } = await readRetrievalSet(folder, split);
  return {
    name: test,
    texts: queries.map(({ text }) => text),
    judge: (index, found) => rankedDocuments(queries[index]!, found),
  };
}

const linesOf = ({ dataset, modes }: Measured): string[] =>
  Object.entries(modes).map(
    ([mode, { recall, ndcg10 }]) =>
      `${dataset} ${mode}: recall@1 ${recall[1].toFixed(3)}, recall@5 ${recall[5].toFixed(3)}, nDCG@10 ${ndcg10.toFixed(3)}`,
  );
