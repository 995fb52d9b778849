import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { RagError } from "../../core/index.ts";
import { BertEmbedder, PRECISIONS, type Precision } from "../../retriever/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";
import { best, describeMachine, timed } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { EmbeddingProcess } from "../peers/embedding-process.ts";

const MAX_PASSAGES = 48;
const ROUNDS = 3;
const DEMO = join(import.meta.dirname, "..", "..", "demo", "documents");
const LEAST_CHARACTERS = 300;

/** One way of embedding: seconds of each round, and what came out of the last. */
interface Measured {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly seconds: number[];
  vectors: readonly ArrayLike<number>[];
}

interface Contestant extends Measured {
  readonly run: () => Promise<{ seconds: number; vectors: readonly ArrayLike<number>[] }>;
  readonly close: () => void | Promise<void>;
}

/**
 * Passages a second of the default embedder, f32 and int8, beside sentence-transformers (`--python`) and transformers.js (`--transformers-js`)
 * on the same texts: `--data FILE` names jsonl lines `{text}`, of which the first 48 are taken; without it, paragraphs of the demo's documents.
 */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const texts = await readTexts(options.data);
  if (texts.length === 0) {
    throw new RagError("config/invalid", "embed: --data has no lines {text}; give another file.");
  }
  const contestants = await openAll(options, texts);
  try {
    for (const { run } of contestants) await run();
    for (let round = 0; round < ROUNDS; round++) {
      options.say(`round ${round + 1} of ${ROUNDS}`);
      for (const contestant of contestants) {
        const { seconds, vectors } = await contestant.run();
        contestant.seconds.push(seconds);
        contestant.vectors = vectors;
      }
    }
    return report(contestants, { passages: texts.length, threads: options.threads });
  } finally {
    for (const { close } of contestants) await close();
  }
}

async function readTexts(data: string | undefined): Promise<string[]> {
  if (data === undefined) return demoTexts();
  const lines = (await readFile(data, "utf8")).split("\n").filter((line) => line !== "");
  return lines.slice(0, MAX_PASSAGES).map((line) => (JSON.parse(line) as { text: string }).text);
}

/** Paragraphs of the demo's Markdown, as long as passages are. */
async function demoTexts(): Promise<string[]> {
  const names = (await readdir(DEMO)).filter((name) => name.endsWith(".md")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(DEMO, name), "utf8")));
  const paragraphs = texts.flatMap((text) => text.split(/\n{2,}/));
  return paragraphs.filter((text) => text.length >= LEAST_CHARACTERS).slice(0, MAX_PASSAGES);
}

async function openAll(options: BenchOptions, texts: readonly string[]): Promise<Contestant[]> {
  const { python, transformersJs, threads } = options;
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const resolved = await resolveModel("all-minilm-l6-v2", { cacheFolder });
  const ours = async (precision: Precision): Promise<Contestant> => {
    const embedder = await BertEmbedder.open(resolved, { threads, precision });
    const run = async () => {
      let vectors: readonly Float32Array[] = [];
      const seconds = await timed(threads, async () => {
        vectors = await embedder.embed(texts);
      });
      return { seconds, vectors };
    };
    return contestant(precision, {}, run, () => embedder.close());
  };
  const peer = async (opening: Promise<EmbeddingProcess>): Promise<Contestant> => {
    const peer = await opening;
    return contestant(
      peer.name,
      peer.versions,
      () => peer.embed(texts),
      () => peer.close(),
    );
  };
  const model = dirname(resolved.weightsPath);
  const all = [...(await Promise.all(PRECISIONS.map(ours)))];
  if (python) all.push(await peer(EmbeddingProcess.sentenceTransformers(python, model, threads)));
  if (transformersJs) {
    all.push(await peer(EmbeddingProcess.transformersJs(transformersJs, threads)));
  }
  return all;
}

const contestant = (
  name: string,
  versions: Contestant["versions"],
  run: Contestant["run"],
  close: Contestant["close"],
): Contestant => ({ name, versions, run, close, seconds: [], vectors: [] });

/** `all`: ours in f32 first; each has embedded so many passages in every round. */
export function report(
  all: readonly Measured[],
  { passages, threads }: { readonly passages: number; readonly threads: number },
): BenchResult {
  const [f32, ...others] = all as [Measured, ...Measured[]];
  const rate = ({ seconds }: Measured) => passages / best(seconds);
  const peers = others.filter(({ name }) => name !== "int8");
  const rows = all.map((one) => ({
    name: one.name,
    ...one.versions,
    passagesPerSecond: rate(one),
    ...(one === f32 ? {} : cosines(f32.vectors, one.vectors)),
    timesFasterThan: peers.includes(one)
      ? undefined
      : Object.fromEntries(peers.map((peer) => [peer.name, rate(one) / rate(peer)])),
  }));
  const result = {
    machine: describeMachine(),
    threads,
    measure: threads === 1 ? "processor seconds" : "seconds by the clock",
    setting: { passages, rounds: ROUNDS },
    rows,
  };
  return { lines: [JSON.stringify(result, null, 2)], result };
}

/** How alike vectors are to ours in f32, text by text. */
function cosines(ours: readonly ArrayLike<number>[], theirs: readonly ArrayLike<number>[]) {
  const all = ours.map((vector, index) => cosine(vector, theirs[index]!));
  return {
    smallestCosine: Math.min(...all),
    meanCosine: all.reduce((sum, one) => sum + one, 0) / all.length,
  };
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    squaresA += a[i]! ** 2;
    squaresB += b[i]! ** 2;
  }
  return product / Math.sqrt(squaresA * squaresB);
}
