import { existsSync, writeSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Random, writeFileAtomic } from "../../core/index.ts";
import { ingest, reindex } from "../../ingest/index.ts";
import {
  backupStore,
  type Corpus,
  compactStore,
  type Embedder,
  openCorpus,
  restoreFromBackup,
} from "../../retriever/index.ts";
import { EMBEDDERS, FILES, readVersions, writeVersions } from "./campaign-documents.ts";
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
const WAIT = { waitMs: 5000 };

/** What was in the last whole backup. */
interface Backup {
  readonly file: string;
  readonly versions: Record<string, number>;
}

/** A store under change, as one worker has it open. */
class ChangingStore {
  readonly #root: string;
  readonly #folder: string;
  readonly #random: Random;
  readonly #say: (line: WorkerLine) => void;
  #corpus: Corpus;
  #present: Record<string, number> = {};

  constructor(root: string, random: Random, say: (line: WorkerLine) => void) {
    this.#root = root;
    this.#folder = join(root, "store");
    this.#random = random;
    this.#say = say;
    this.#corpus = openCorpus(this.#folder, { create: false });
  }

  async check(): Promise<void> {
    const checked = await checkStore(this.#folder, this.#corpus, this.#embedder);
    this.#present = checked.versions;
    this.#say({ checked });
  }

  async ingest(): Promise<void> {
    const docs = join(this.#root, "docs");
    const { kind, wanted } = nextVersions(this.#random, await readVersions(docs));
    this.#begin(kind, wanted);
    await writeVersions(docs, wanted);
    await ingest({
      paths: ["docs"],
      root: this.#root,
      corpus: this.#corpus,
      embedder: this.#embedder,
      storeFolder: this.#folder,
      prune: true,
      ...WAIT,
      onChange: ({ source }) => this.#say({ done: source }),
    });
    this.#end(kind, wanted);
  }

  async compact(): Promise<void> {
    this.#begin("compact", this.#present);
    await compactStore(this.#folder, WAIT);
    this.#end("compact", this.#present);
  }

  /** To the embedder that the store does not have. */
  async reindex(): Promise<void> {
    const other = EMBEDDERS.find(({ id }) => id !== this.#corpus.embedder.id)!;
    this.#begin("reindex", this.#present);
    await reindex({ storeFolder: this.#folder, embedder: other, ...WAIT });
    this.#reopen();
    this.#end("reindex", this.#present);
  }

  async backup(): Promise<void> {
    const file = join(this.#root, `backup-${this.#random.integer(2 ** 31)}.db`);
    this.#begin("backup", this.#present);
    await backupStore(this.#folder, file);
    const before = await this.#lastBackup();
    const backup: Backup = { file, versions: this.#present };
    await writeFileAtomic(join(this.#root, "backup.json"), JSON.stringify(backup));
    if (before) await rm(before.file, { force: true });
    this.#end("backup", this.#present);
  }

  async restore(): Promise<void> {
    const backup = await this.#lastBackup();
    if (!backup) return;
    this.#begin("restore", backup.versions);
    await restoreFromBackup(this.#folder, backup.file, WAIT);
    this.#reopen();
    this.#end("restore", backup.versions);
  }

  get #embedder(): Embedder {
    return EMBEDDERS.find(({ id }) => id === this.#corpus.embedder.id)!;
  }

  #reopen(): void {
    this.#corpus.close();
    this.#corpus = openCorpus(this.#folder, { create: false });
  }

  async #lastBackup(): Promise<Backup | undefined> {
    const path = join(this.#root, "backup.json");
    return existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : undefined;
  }

  #begin(kind: string, wanted: Readonly<Record<string, number>>): void {
    const ids = new Set([...Object.keys(this.#present), ...Object.keys(wanted)]);
    const changed = [...ids].filter((id) => this.#present[id] !== wanted[id]);
    const changes = Object.fromEntries(changed.map((id) => [id, wanted[id] ?? null]));
    this.#say({ begin: kind, changes });
  }

  #end(kind: string, present: Record<string, number>): void {
    this.#present = present;
    this.#say({ end: kind });
  }
}

/**
 * Checks the store that an earlier process was killed over, then changes it without end until it is killed itself.
 * Arguments: the campaign's folder, a seed, and "same-embedder" to leave the store its embedder: readers refuse another one's vectors.
 */
async function main(root: string, seed: number, keepsEmbedder: boolean): Promise<void> {
  const random = new Random(seed);
  const say = (line: WorkerLine) => writeSync(1, `${JSON.stringify(line)}\n`);
  const store = new ChangingStore(root, random, say);
  await store.check();
  const rare = [
    () => store.compact(),
    () => store.backup(),
    () => store.restore(),
    ...(keepsEmbedder ? [] : [() => store.reindex()]),
  ];
  for (;;) await (rare[random.integer(3 * rare.length)] ?? (() => store.ingest()))();
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

await main(process.argv[2]!, Number(process.argv[3]), process.argv[4] === "same-embedder");
