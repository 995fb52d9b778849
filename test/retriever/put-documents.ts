import { openCorpus } from "../../retriever/index.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { documentOf, putText } from "./store.ts";

/** Puts documents without end, and prints the id of each once it is acknowledged. Killed by a test. */
const embedder = hashEmbedder();
const corpus = openCorpus(process.argv[2]!, { embedder, create: true });
for (let i = 0; i < 100_000; i++) {
  await putText(corpus, embedder, documentOf(`d${i}`, `first ${i}\n\nsecond ${i}\n\nthird ${i}`));
  process.stdout.write(`d${i}\n`);
}
