import { chunkDocument } from "../../ingest/index.ts";
import {
  type Corpus,
  checkSavedIndex,
  type Embedder,
  openRetriever,
} from "../../retriever/index.ts";
import { textOf, uniqueWord } from "./campaign-documents.ts";

/** What a fresh process finds in a store after a kill. */
export interface StoreFindings {
  readonly versions: Record<string, number>;
  readonly problems: readonly string[];
}

/** Looks at every changing document: whole, in one version, and found by its words and by its vectors. */
export async function checkStore(
  folder: string,
  corpus: Corpus,
  embedder: Embedder,
): Promise<StoreFindings> {
  const problems = [...corpus.checkIntegrity()];
  const index = await checkSavedIndex(folder, corpus);
  if (!index.ok) problems.push(`index: ${index.detail}`);
  const retriever = await openRetriever(folder, { corpus, embedder });
  const versions: Record<string, number> = {};
  for (const { id } of corpus.documents()) {
    if (id.startsWith("base.jsonl#")) continue;
    const text = corpus.documentText(id)!;
    const version = Number(/^v(\d+)q/.exec(text)?.[1] ?? -1);
    versions[id] = version;
    if (text !== textOf(id, version)) problems.push(`${id}: is no version of its text`);
    problems.push(...wrongChunks(corpus, embedder, id, text));
    const rows = corpus.matchKeywords(`"${uniqueWord(id, version)}"`, 100);
    const chunks = corpus.chunksOf(id);
    if (rows.length !== chunks.length) problems.push(`${id}: ${rows.length} keyword rows`);
    for (const chunk of chunks) {
      const [best] = await retriever.searchByVector(corpus.vector(chunk.id)!, { k: 1 });
      if (best?.documentId !== id || best.score < 0.999) {
        problems.push(`${id}: passage ${chunk.id} is not found by its vector`);
      }
    }
  }
  return { versions, problems };
}

function wrongChunks(corpus: Corpus, embedder: Embedder, id: string, text: string): string[] {
  const whole = { kind: "paragraph" as const, start: 0, end: text.length };
  const expected = chunkDocument({ title: "", text, blocks: [whole] }, (part) =>
    embedder.countTokens(part),
  ).map((chunk) => chunk.text);
  const found = corpus.chunksOf(id).map((chunk) => chunk.text);
  return JSON.stringify(found) === JSON.stringify(expected) ? [] : [`${id}: wrong passages`];
}
