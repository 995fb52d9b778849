import { closeSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ingest } from "../../ingest/index.ts";
import { openCorpus } from "../../retriever/index.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";

/**
 * One ingest of `docs` below a folder; prints its summary, or the code and words of its error. Arguments: the folder, and how many
 * files it may still open (all that the system allows unless given).
 */
const [root, spare] = [process.argv[2]!, process.argv[3]];
const storeFolder = join(root, "store");
const embedder = hashEmbedder(16);
const taken = spare === undefined ? [] : takeAllFilesBut(Number(spare));
try {
  const corpus = openCorpus(storeFolder, { embedder, create: true });
  const { documents } = await ingest({ paths: ["docs"], root, corpus, embedder, storeFolder });
  corpus.close();
  print({ documents });
} catch (thrown) {
  const { code, message } = thrown as Error & { code?: string };
  for (const file of taken) closeSync(file);
  print({ code, message, left: readdirSync(storeFolder).filter((name) => name.endsWith(".tmp")) });
  process.exitCode = 1;
}

function takeAllFilesBut(count: number): number[] {
  const files: number[] = [];
  try {
    for (;;) files.push(openSync(process.execPath, "r"));
  } catch {
    // The limit is reached.
    for (const file of files.splice(0, count)) closeSync(file);
    return files;
  }
}

function print(result: object): void {
  process.stdout.write(JSON.stringify(result));
}
