import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import { type IngestSummary, ingest } from "../../ingest/index.ts";
import { type Embedder, openCorpus } from "../../retriever/index.ts";
import { describeMachine } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { measureWholeIngest } from "./whole-ingest.ts";

const FILES = 10_000;
/** As many are embedded; their rate stands for the rest. */
const EMBEDDED = 500;
const FILES_A_FOLDER = 100;
const SENTENCE = "The keeper of the harbour notes tides, ships, weather and visitors in the log";
const ENTRY = join(import.meta.dirname, "..", "..", "pipeline", "main.ts");

/**
 * Re-ingest of a folder of 10,000 small files in which nothing has changed, against the first ingest: whole commands, their
 * start included. The first is measured on {@link EMBEDDED} files; the others enter the store with vectors that mean nothing, since
 * what has not changed is never embedded. With `--data PASSAGES.jsonl` also a whole ingest beside embedding alone.
 */
export async function bench({ data, threads, say }: BenchOptions): Promise<BenchResult> {
  const whole = data && (await measureWholeIngest(data, threads));

  const folder = await mkdtemp(join(tmpdir(), "foreword-bench-ingest-"));
  try {
    say(`first ingest of ${EMBEDDED} files`);
    await writeFiles(join(folder, "docs"), 0, EMBEDDED);
    const first = ingestAll(folder);
    say(`the other ${FILES - EMBEDDED} files, without a model`);
    await writeFiles(join(folder, "docs"), EMBEDDED, FILES);
    await fillStore(folder);
    say("all of them again, unchanged");
    const again = ingestAll(folder);
    if (first.added !== EMBEDDED || again.unchanged !== FILES) {
      throw new Error(`files were left out: ${JSON.stringify([first, again])}`);
    }
    const wholeSeconds = (first.seconds / EMBEDDED) * FILES;
    const share = again.seconds / wholeSeconds;
    const unchanged = { files: FILES, first, wholeSeconds, again, share };
    const result = { machine: describeMachine(), ...(whole ? { whole } : {}), unchanged };
    return {
      result,
      lines: [
        lineOf("first", first),
        `all ${FILES} at that rate  ${wholeSeconds.toFixed(0)} s`,
        lineOf("again", again),
        `again / first  ${(100 * share).toFixed(2)}% (at most 2%)`,
        ...(whole ? [`whole ingest at ${(100 * whole.share).toFixed(0)}% of embedding alone`] : []),
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeFiles(docs: string, from: number, to: number): Promise<void> {
  for (let file = from; file < to; file++) {
    const folder = join(docs, String(Math.floor(file / FILES_A_FOLDER)));
    if (file % FILES_A_FOLDER === 0) await mkdir(folder, { recursive: true });
    const text = `${SENTENCE} ${file}. ${SENTENCE} of day ${file * 7}.`;
    await writeFile(join(folder, `${file}.md`), `# Note ${file}\n\n${text}\n`);
  }
}

/** By the ingest job itself, with an embedder that has the store's name and random vectors. */
async function fillStore(root: string): Promise<void> {
  const storeFolder = join(root, ".foreword");
  const corpus = openCorpus(storeFolder, { create: false });
  try {
    const random = new Random(5);
    const { id, dimension } = corpus.embedder;
    const embedder: Embedder = {
      id,
      dimension,
      maxTokens: 254,
      embed: async (texts) =>
        texts.map(() => Float32Array.from({ length: dimension }, () => random.normal())),
      countTokens: (text) => text.split(" ").length,
      close: async () => {},
    };
    await ingest({ paths: ["docs"], root, corpus, embedder, storeFolder });
  } finally {
    corpus.close();
  }
}

interface IngestRun {
  readonly added: number;
  readonly unchanged: number;
  /** Of the whole process, by the clock. */
  readonly seconds: number;
}

function ingestAll(folder: string): IngestRun {
  const started = performance.now();
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), ENTRY, "ingest", "docs", "--json"],
    { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 2 ** 26 },
  );
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`foreword ingest ended with ${status}`);
  const { added, unchanged } = (JSON.parse(stdout) as IngestSummary).documents;
  return { added, unchanged, seconds };
}

const lineOf = (name: string, { added, unchanged, seconds }: IngestRun) =>
  `${name}  ${added} added, ${unchanged} unchanged in ${seconds.toFixed(1)} s`;
