import { mkdtemp, rm } from "node:fs/promises";
import { freemem, homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import {
  type DecoderSource,
  Engine,
  GREEDY,
  readModel,
  TrainerEngine,
} from "../../generator/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";
import { best, describeMachine, timed } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { plotSvg } from "../plot.ts";
import { parameterCount, SHAPES, writeRandomModel } from "./random-model.ts";

const CONTEXTS = [128, 256, 512, 1024, 2048, 4096];
const SIZE_CONTEXT = 256;
const QUESTION = 30;
const ANSWER = 12;
const DECODED = 8;
/** Bytes of memory a weight takes while training: its own four, and two copies packed for the two products it is in. */
const TRAINING_BYTES_PER_WEIGHT = 12;
/** Of the free memory that a model may take. */
const MEMORY_SHARE = 0.8;

/** Seconds of one context length, or one model. */
interface Cost {
  readonly prefill: number;
  /** Per token. */
  readonly decode: number;
  /** Per example, passages cached. */
  readonly step: number;
}

type ByContext = { readonly context: number } & Cost;
type BySize = { readonly parameters: number } & Cost;

/** What the engine costs by the length of the context. */
export async function benchContext({ say, threads }: BenchOptions): Promise<BenchResult> {
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const model = readModel(await resolveModel("smollm2-135m-instruct", { cacheFolder }));
  const byContext: ByContext[] = [];
  const options = { cacheFolder, threads, contextLength: 4096 + 128 };
  await withEngines(model, options, async (engine, trainer) => {
    for (const context of CONTEXTS) {
      byContext.push({ context, ...(await measure(engine, trainer, context, threads)) });
      say(describe(`${context} tokens`, byContext.at(-1)!));
    }
  });
  return {
    lines: byContext.map((cost) => describe(`${cost.context} tokens`, cost)),
    result: { machine: describeMachine(), threads, byContext },
    plot: plotContext(byContext),
  };
}

/** What the engine costs by the size of the model, as far as memory allows. */
export async function benchSize({ say, threads }: BenchOptions): Promise<BenchResult> {
  const { bySize, leftOut } = await measureSizes(threads, say);
  return {
    lines: [
      ...bySize.map((cost) => describe(`${(cost.parameters / 1e6).toFixed(0)}M weights`, cost)),
      ...leftOut.map((line) => `left out: ${line}`),
    ],
    result: { machine: describeMachine(), threads, bySize, leftOut },
    plot: plotSize(bySize),
  };
}

async function measureSizes(threads: number, say: (line: string) => void) {
  const bySize: BySize[] = [];
  const leftOut: string[] = [];
  for (const shape of SHAPES) {
    const parameters = parameterCount(shape);
    const needed = parameters * TRAINING_BYTES_PER_WEIGHT + 2 ** 30;
    // Others use the machine too.
    if (needed > MEMORY_SHARE * freemem()) {
      const line = `${(parameters / 1e6).toFixed(0)}M weights need ${(needed / 2 ** 30).toFixed(1)} GiB, ${(freemem() / 2 ** 30).toFixed(1)} are free`;
      leftOut.push(line);
      continue;
    }
    const folder = await mkdtemp(join(tmpdir(), "foreword-growth-"));
    try {
      const source = await writeRandomModel(shape, folder);
      const options = {
        cacheFolder: folder,
        threads,
        contextLength: 512,
        weights: "float32" as const,
      };
      await withEngines(source, options, async (engine, trainer) => {
        bySize.push({ parameters, ...(await measure(engine, trainer, SIZE_CONTEXT, threads)) });
      });
      say(describe(`${(parameters / 1e6).toFixed(0)}M weights`, bySize.at(-1)!));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return { bySize, leftOut };
}

async function withEngines(
  source: DecoderSource,
  options: { cacheFolder: string; threads: number; contextLength: number; weights?: "float32" },
  work: (engine: Engine, trainer: TrainerEngine) => Promise<void>,
): Promise<void> {
  const engine = await Engine.open(source, options);
  const trainer = await TrainerEngine.open(engine, {
    ...options,
    target: { kind: "deep" },
    trainingCacheBytes: 2 ** 30,
  });
  try {
    await work(engine, trainer);
  } finally {
    await trainer.close();
    await engine.close();
  }
}

async function measure(
  engine: Engine,
  trainer: TrainerEngine,
  context: number,
  threads: number,
): Promise<Cost> {
  const random = new Random(context);
  const draw = (length: number) => Array.from({ length }, () => 20 + random.integer(16_000));
  const passage = draw(context);
  const prefill: number[] = [];
  // Other tokens each time: the engine remembers what it has read.
  for (let round = 0; round < 2; round++) {
    prefill.push(await timed(threads, () => engine.prefill(draw(context))));
  }
  await engine.prefill(passage);
  const generate = async (maxTokens: number) => {
    const request = { prefixIds: passage, ids: [21], maxTokens, stopIds: [], sampling: GREEDY };
    for await (const _ of engine.generate(request));
  };
  const one = best([
    await timed(threads, () => generate(1)),
    await timed(threads, () => generate(1)),
  ]);
  const many = await timed(threads, () => generate(1 + DECODED));
  const conditioning = await engine.deepTokens(draw(16));
  const example = { prefixIds: passage, ids: draw(QUESTION), answerIds: draw(ANSWER) };
  const steps: number[] = [];
  for (let round = 0; round < 3; round++) {
    steps.push(
      await timed(threads, () => trainer.lossAndGradient([example, example], conditioning)),
    );
  }
  return { prefill: best(prefill), decode: (many - one) / DECODED, step: best(steps) / 2 };
}

const describe = (what: string, { prefill, decode, step }: Cost): string =>
  `${what.padEnd(14)} prefill ${prefill.toFixed(3)} s, a token ${(1000 * decode).toFixed(1)} ms, a training example ${step.toFixed(3)} s`;

const seriesOf = <Row extends Cost>(rows: readonly Row[], x: (row: Row) => number) =>
  (["prefill", "step", "decode"] as const).map((name) => ({
    name: { prefill: "prefill", step: "training example", decode: "token" }[name],
    points: rows.map((row) => [x(row), row[name]] as const),
  }));

const plotContext = (rows: readonly ByContext[]): string =>
  plotSvg({
    title: "Cost by length of the context, SmolLM2-135M",
    x: "tokens in the context",
    y: "seconds",
    series: seriesOf(rows, ({ context }) => context),
  });

const plotSize = (rows: readonly BySize[]): string =>
  plotSvg({
    title: `Cost by size of the model, ${SIZE_CONTEXT} tokens, f32`,
    x: "weights",
    y: "seconds",
    series: seriesOf(rows, ({ parameters }) => parameters),
  });
