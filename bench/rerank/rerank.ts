import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { RagError, Random } from "../../core/index.ts";
import { Generator } from "../../generator/index.ts";
import { likelihoodReranker } from "../../pipeline/likelihood-reranker.ts";
import { CrossEncoder, type Reranker } from "../../retriever/index.ts";
import {
  defaultCacheFolder,
  openWeights,
  resolveModel,
  writeSafetensors,
} from "../../runtime/index.ts";
import { best, describeMachine, timed } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { EmbeddingProcess } from "../peers/embedding-process.ts";

const PASSAGES = 18;
const ROUNDS = 3;
/** Passages of a store have about 180 tokens. */
const CHARACTERS = 800;

interface Contestant {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly seconds: number[];
  scores: readonly number[];
  readonly run: () => Promise<{ seconds: number; scores: readonly number[] }>;
}

/**
 * Seconds to rerank 18 passages: by a cross-encoder of ms-marco-MiniLM-L6's shape (all-MiniLM-L6-v2 with a head of random numbers), beside the
 * same in transformers (`--python`), and by the generator's likelihood, its passages new or read before. `--data FILE` names
 * jsonl lines `{text}`; the question is made of the first one's words.
 */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const { question, passages } = await readPassages(options.data);
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const folder = await mkdtemp(join(tmpdir(), "foreword-rerank-"));
  const closers: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    await writeCrossEncoder(folder, cacheFolder);
    const { threads, python } = options;
    const resolved = await resolveModel(folder, { cacheFolder: join(folder, "cache") });
    const encoder = await CrossEncoder.open(resolved, { threads });
    closers.push(() => encoder.close());
    const asked = passages.map((text) => ({ title: "", text }));
    const ours = (name: string, score: Reranker) =>
      contestant(name, async () => {
        let scores: readonly number[] = [];
        const seconds = await timed(threads, async () => {
          scores = await score(question, asked);
        });
        return { seconds, scores };
      });
    const all = [ours("cross-encoder", (...texts) => encoder.score(...texts))];
    if (python) {
      const peer = await EmbeddingProcess.crossEncoder(python, folder, threads);
      closers.push(() => peer.close());
      all.push(
        contestant(
          peer.name,
          async () => {
            const { seconds, vectors } = await peer.embed([question, ...passages]);
            return { seconds, scores: vectors.map(([score]) => score!) };
          },
          peer.versions,
        ),
      );
    }
    await runRounds(all, options.say);
    return report([...all, ...(await likelihood(options, cacheFolder, ours))], threads);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

const contestant = (
  name: string,
  run: Contestant["run"],
  versions: Contestant["versions"] = {},
): Contestant => ({
  name,
  versions,
  run,
  seconds: [],
  scores: [],
});

async function runRounds(all: readonly Contestant[], say: BenchOptions["say"]): Promise<void> {
  for (const { run } of all) await run();
  for (let round = 0; round < ROUNDS; round++) {
    say(`round ${round + 1} of ${ROUNDS}`);
    for (const one of all) {
      const { seconds, scores } = await one.run();
      one.seconds.push(seconds);
      one.scores = scores;
    }
  }
}

/** The first run reads every passage, the later ones find them in the cache. */
async function likelihood(
  { threads, say }: BenchOptions,
  cacheFolder: string,
  ours: (name: string, score: Reranker) => Contestant,
): Promise<Contestant[]> {
  say("likelihood");
  const resolved = await resolveModel("smollm2-135m-instruct", { cacheFolder });
  const generator = await Generator.open(resolved, { cacheFolder, threads });
  try {
    const score = likelihoodReranker(generator);
    const [fresh, known] = [ours("likelihood", score), ours("likelihood, passages known", score)];
    for (const [index, one] of [fresh, known, known].entries()) {
      const { seconds, scores } = await one.run();
      one.seconds.push(seconds);
      one.scores = scores;
      say(`run ${index + 1}: ${seconds.toFixed(2)} s`);
    }
    return [fresh, known];
  } finally {
    await generator.close();
  }
}

async function readPassages(data: string | undefined) {
  if (!data) {
    throw new RagError("config/invalid", "rerank: name a jsonl file of passages with --data.");
  }
  const lines = (await readFile(data, "utf8")).split("\n").filter((line) => line !== "");
  const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
  const passages = texts.slice(0, PASSAGES).map((text) => text.slice(0, CHARACTERS));
  const words = passages[0]!.split(/\s+/).slice(0, 12);
  return { question: `What is said of ${words.join(" ")}?`, passages };
}

/** The default embedder's layers with a pooler and a head of random numbers: the shape and the cost of a real cross-encoder. */
async function writeCrossEncoder(folder: string, cacheFolder: string): Promise<void> {
  const base = await resolveModel("all-minilm-l6-v2", { cacheFolder });
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await cp(join(base.folder, name), join(folder, name));
  }
  const config = JSON.parse(await readFile(join(base.folder, "config.json"), "utf8"));
  const head = { architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } };
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...head }));
  const file = openWeights(base.weightsPath);
  try {
    const tensors = new Map(
      [...file.tensors.values()]
        .filter(({ name }) => !/position_ids|pooler/.test(name))
        .map(({ name, shape }) => [`bert.${name}`, { shape, data: file.readF32(name) }]),
    );
    const random = new Random(1);
    const { hidden_size: width } = config as { hidden_size: number };
    const draw = (...shape: number[]) => ({
      shape,
      data: Float32Array.from(
        { length: shape.reduce((a, b) => a * b) },
        () => random.normal() / 20,
      ),
    });
    tensors.set("bert.pooler.dense.weight", draw(width, width));
    tensors.set("bert.pooler.dense.bias", draw(width));
    tensors.set("classifier.weight", draw(1, width));
    tensors.set("classifier.bias", draw(1));
    await writeSafetensors(join(folder, "model.safetensors"), tensors, { format: "pt" });
  } finally {
    file.close();
  }
}

function report(all: readonly Contestant[], threads: number): BenchResult {
  const [encoder] = all;
  const rows = all.map((one) => ({
    name: one.name,
    ...one.versions,
    seconds: best(one.seconds),
    timesOfCrossEncoder: best(one.seconds) / best(encoder!.seconds),
    ...(one.name === "transformers" && {
      largestDifference: Math.max(
        ...one.scores.map((score, index) => Math.abs(score - encoder!.scores[index]!)),
      ),
    }),
  }));
  const result = {
    machine: describeMachine(),
    threads,
    measure: threads === 1 ? "processor seconds" : "seconds by the clock",
    setting: { passages: PASSAGES, characters: CHARACTERS, rounds: ROUNDS },
    rows,
  };
  return { lines: [JSON.stringify(result, null, 2)], result };
}
