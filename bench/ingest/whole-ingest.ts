import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { embeddedText } from "../../ingest/embedded-text.ts";
import { ingest } from "../../ingest/index.ts";
import { BertEmbedder, type Embedder, openCorpus } from "../../retriever/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";

const PASSAGES = 1000;
const ROUNDS = 3;

/** Rates in stored passages a second, by the clock, the best of {@link ROUNDS} in turns. */
export interface WholeIngest {
  readonly documents: number;
  readonly passages: number;
  readonly ingestPerSecond: number;
  readonly embeddingPerSecond: number;
  /** The first as a share of the second. */
  readonly share: number;
}

/**
 * Ingest of the first {@link PASSAGES} lines of a file of passages (reading, cutting, embedding, database, index, all saved) beside
 * embedding what it cuts, in one call. Models are open before.
 */
export async function measureWholeIngest(path: string, threads: number): Promise<WholeIngest> {
  const root = await mkdtemp(join(tmpdir(), "foreword-bench-whole-"));
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const model = await resolveModel("all-minilm-l6-v2", { cacheFolder });
  const embedder = await BertEmbedder.open(model, { threads });
  try {
    const lines = (await readFile(path, "utf8")).split("\n").slice(0, PASSAGES);
    await writeFile(join(root, "passages.jsonl"), lines.join("\n"));
    const [ingests, embeddings]: [number[], number[]] = [[], []];
    let found = { texts: [] as string[], documents: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const started = performance.now();
      found = await ingestOnce(root, String(round), embedder);
      ingests.push(performance.now() - started);
      const began = performance.now();
      await embedder.embed(found.texts, { kind: "passage" });
      embeddings.push(performance.now() - began);
    }
    const { documents, texts } = found;
    const rateOf = (times: readonly number[]) => (1000 * texts.length) / Math.min(...times);
    const [ingestPerSecond, embeddingPerSecond] = [rateOf(ingests), rateOf(embeddings)];
    const share = ingestPerSecond / embeddingPerSecond;
    return { documents, passages: texts.length, ingestPerSecond, embeddingPerSecond, share };
  } finally {
    await embedder.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** Into a new store. Returns the texts it embedded. */
async function ingestOnce(root: string, name: string, embedder: Embedder) {
  const storeFolder = join(root, name);
  const corpus = openCorpus(storeFolder, { embedder, create: true });
  try {
    await ingest({ paths: ["passages.jsonl"], root, corpus, embedder, storeFolder });
    const documents = [...corpus.documents()];
    const texts = documents.flatMap((document) =>
      corpus.chunksOf(document.id).map((chunk) => embeddedText(document, chunk)),
    );
    return { texts, documents: documents.length };
  } finally {
    corpus.close();
  }
}
