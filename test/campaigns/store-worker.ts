import { writeSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import { ingest } from "../../ingest/index.ts";
import { compactStore, openCorpus } from "../../retriever/index.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";
import { FILES, readVersions, writeVersions } from "./campaign-documents.ts";
import { checkStore } from "./check-store.ts";

/** One line that the campaign reads; written at once, so that nothing acknowledged is lost in a buffer. */
export type WorkerLine =
  | { readonly checked: Awaited<ReturnType<typeof checkStore>> }
  /** `changes`: what the documents shall become; null is removed. */
  | { readonly begin: string; readonly changes: Readonly<Record<string, number | null>> }
  /** A document whose change was acknowledged. */
  | { readonly done: string }
  | { readonly end: string };

const LINES = 8;

/**
 * Checks the store that an earlier process was killed over, then changes it without end until it is killed itself.
 * Arguments: the campaign's folder, a seed.
 */
async function main(root: string, seed: number): Promise<void> {
  const say = (line: WorkerLine) => writeSync(1, `${JSON.stringify(line)}\n`);
  const embedder = hashEmbedder(16);
  const storeFolder = join(root, "store");
  const docs = join(root, "docs");
  const corpus = openCorpus(storeFolder, { embedder, create: false });
  const found = await checkStore(storeFolder, corpus, embedder);
  say({ checked: found });
  const random = new Random(seed);
  let present: Record<string, number> = found.versions;
  for (;;) {
    if (random.integer(5) === 0) {
      say({ begin: "compact", changes: {} });
      await compactStore(storeFolder, { waitMs: 5000 });
      say({ end: "compact" });
      continue;
    }
    const { kind, wanted } = nextVersions(random, await readVersions(docs));
    const ids = new Set([...Object.keys(present), ...Object.keys(wanted)]);
    const changed = [...ids].filter((id) => present[id] !== wanted[id]);
    say({
      begin: kind,
      changes: Object.fromEntries(changed.map((id) => [id, wanted[id] ?? null])),
    });
    await writeVersions(docs, wanted);
    await ingest({
      paths: ["docs"],
      root,
      corpus,
      embedder,
      storeFolder,
      prune: true,
      waitMs: 5000,
      onChange: ({ source }) => say({ done: source }),
    });
    say({ end: kind });
    present = wanted;
  }
}

/** New documents, new versions, or documents removed. */
function nextVersions(random: Random, present: Record<string, number>) {
  const wanted = { ...present };
  const kind = (["add", "update", "delete"] as const)[random.integer(3)]!;
  for (let i = 0; i < 6; i++) {
    const id = `docs/f${random.integer(FILES)}.jsonl#${random.integer(LINES)}`;
    if (kind === "delete") delete wanted[id];
    else if (kind === "add" || id in wanted) wanted[id] = (wanted[id] ?? 0) + 1;
  }
  return { kind, wanted };
}

await main(process.argv[2]!, Number(process.argv[3]));
