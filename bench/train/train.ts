import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import {
  type Conditioning,
  Engine,
  type Model,
  readModel,
  TrainerEngine,
  type TrainingExample,
  writeTransformersFolder,
} from "../../generator/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";
import { best, describeMachine, measurePeak, timed } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { PeftProcess } from "../peers/peft-process.ts";
import { stepFlops } from "./step-flops.ts";

const PASSAGE = 570;
const QUESTION = 30;
const ANSWER = 12;
const VIRTUAL = 16;
const BATCH = 8;
const ROUNDS = 2;
const EPOCHS = 3;
/** Few, because each takes the peer seconds. */
const FRONT_BATCH = 1;
const CONTEXT = 1024;

/** How fast a step of training is, ours beside PEFT's, round after round on the same examples. */
export async function bench({ say, python, threads }: BenchOptions): Promise<BenchResult> {
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const model = readModel(await resolveModel("smollm2-135m-instruct", { cacheFolder }));
  const folder = await mkdtemp(join(tmpdir(), "foreword-bench-"));
  const ours = await Ours.open(model, { cacheFolder, threads, contextLength: CONTEXT });
  let peer: PeftProcess | undefined;
  try {
    say("one-time reading of the passages, then steps with one session: memory");
    const warm = await ours.step("deep", ours.examples);
    await ours.step("deep", ours.examples);
    const residentBytes = process.memoryUsage().rss - ours.cachedBytes;
    say("a whole run of three epochs");
    const whole = await ours.wholeRun(ours.drawExamples(BATCH));
    if (python) {
      say("writing the model for the peer");
      await writeTransformersFolder(model, folder);
      peer = await PeftProcess.start(python, folder, threads);
    }
    const seconds = await measureRounds(ours, peer, say);
    const peak = await measurePeak(threads);
    const perExample = {
      deep: best(seconds.deep) / BATCH,
      virtual: best(seconds.virtual) / BATCH,
      front: best(seconds.front) / FRONT_BATCH,
      whole: whole.seconds / (whole.examples * EPOCHS),
      peer: peer ? best(seconds.peer) / FRONT_BATCH : undefined,
    };
    const flops = await stepFlops(model, { cacheFolder, contextLength: CONTEXT });
    const share = (kind: "deep" | "virtual" | "front") => flops[kind] / (perExample[kind] * peak);
    const ratio = (kind: "deep" | "virtual" | "front" | "whole") =>
      perExample.peer === undefined ? undefined : perExample.peer / perExample[kind];
    const kinds = ["deep", "virtual", "front"] as const;
    const result = {
      machine: describeMachine(),
      threads,
      clock: threads === 1 ? "processor time" : "wall",
      versions: { ...peer?.versions },
      shape: { passage: PASSAGE, tail: QUESTION + ANSWER, virtual: VIRTUAL, batch: BATCH },
      secondsPerExample: perExample,
      examplesPerSecond: Object.fromEntries(
        Object.entries(perExample).map(([kind, value]) => [kind, value && 1 / value]),
      ),
      timesPeer: Object.fromEntries(
        [...kinds, "whole" as const].map((kind) => [kind, ratio(kind)]),
      ),
      flopsPerExample: flops,
      peakFlopsPerSecond: peak,
      shareOfPeak: Object.fromEntries(kinds.map((kind) => [kind, share(kind)])),
      wholeRun: { ...whole, epochs: EPOCHS },
      firstStepSeconds: warm,
      residentBytesWithoutPassages: residentBytes,
      rounds: seconds,
    };
    return { lines: table(perExample, ratio, share, result), result };
  } finally {
    peer?.close();
    await ours.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Rounds {
  readonly deep: number[];
  readonly virtual: number[];
  readonly front: number[];
  readonly peer: number[];
}

/** One kind after the other, so that one session is in memory at a time; the peer has its turn in every round. */
async function measureRounds(
  ours: Ours,
  peer: PeftProcess | undefined,
  say: (line: string) => void,
): Promise<Rounds> {
  const seconds: Rounds = { deep: [], virtual: [], front: [], peer: [] };
  const front = ours.examples.slice(0, FRONT_BATCH).map(({ prefixIds, ids, answerIds }) => ({
    prefixIds: [],
    ids: [...prefixIds, ...ids],
    answerIds,
  }));
  for (const kind of ["deep", "virtual", "front"] as const) {
    const examples = kind === "front" ? front : ours.examples;
    for (let round = -1; round < ROUNDS; round++) {
      const own = await ours.step(kind === "front" ? "virtual" : kind, examples);
      const other = peer ? await peer.step(front) : 0;
      say(`${kind} ${round}: ${own.toFixed(2)} s, peer ${other.toFixed(2)} s`);
      // The first round warms everything up.
      if (round < 0) continue;
      seconds[kind].push(own);
      seconds.peer.push(other);
    }
    await ours.closeTrainers();
  }
  return seconds;
}

function table(
  perExample: Readonly<Record<string, number | undefined>>,
  ratio: (kind: "deep" | "virtual" | "front" | "whole") => number | undefined,
  share: (kind: "deep" | "virtual" | "front") => number,
  result: { readonly residentBytesWithoutPassages: number },
): string[] {
  const times = (kind: Parameters<typeof ratio>[0]) => ratio(kind)?.toFixed(1).concat("×") ?? "–";
  const line = (what: string, kind: "deep" | "virtual" | "front") =>
    `${what.padEnd(34)} ${perExample[kind]!.toFixed(3)} s an example, ${times(kind)} PEFT, ${(100 * share(kind)).toFixed(0)}% of peak`;
  return [
    line("deep tokens, passages cached", "deep"),
    line("virtual tokens, passages cached", "virtual"),
    line("virtual tokens in front", "front"),
    `${"three epochs with the passages' run".padEnd(34)} ${perExample["whole"]!.toFixed(3)} s an example, ${times("whole")} PEFT`,
    `PEFT: ${perExample["peer"]?.toFixed(2) ?? "not measured (--python)"} s an example`,
    `resident without passages: ${(result.residentBytesWithoutPassages / 2 ** 20).toFixed(0)} MiB`,
  ];
}

interface OursOptions {
  readonly cacheFolder: string;
  readonly threads: number;
  readonly contextLength: number;
}

/** Our side: an engine and the trainers, and examples drawn from a seed. */
class Ours {
  readonly examples: readonly TrainingExample[];
  readonly #engine: Engine;
  readonly #options: OursOptions;
  readonly #trainers = new Map<"deep" | "virtual", TrainerEngine>();
  readonly #random = new Random(1);

  private constructor(engine: Engine, options: OursOptions) {
    this.#engine = engine;
    this.#options = options;
    this.examples = this.drawExamples(BATCH);
  }

  static async open(model: Model, options: OursOptions): Promise<Ours> {
    return new Ours(await Engine.open(model, options), options);
  }

  get cachedBytes(): number {
    return [...this.#trainers.values()].reduce((sum, { cachedBytes }) => sum + cachedBytes, 0);
  }

  drawExamples(count: number): TrainingExample[] {
    const draw = (length: number) =>
      Array.from({ length }, () => 20 + this.#random.integer(40_000));
    return Array.from({ length: count }, () => ({
      prefixIds: draw(PASSAGE),
      ids: draw(QUESTION),
      answerIds: draw(ANSWER),
    }));
  }

  /** Seconds of one step. */
  async step(kind: "deep" | "virtual", examples: readonly TrainingExample[]): Promise<number> {
    const trainer = await this.#trainer(kind);
    const conditioning = await this.#conditioning(kind);
    return timed(this.#options.threads, () => trainer.lossAndGradient(examples, conditioning));
  }

  /** Three epochs over examples whose passages were never read. */
  async wholeRun(
    examples: readonly TrainingExample[],
  ): Promise<{ examples: number; seconds: number }> {
    const trainer = await this.#trainer("deep");
    const conditioning = await this.#conditioning("deep");
    const seconds = await timed(this.#options.threads, async () => {
      for (let epoch = 0; epoch < EPOCHS; epoch++) {
        for (let first = 0; first < examples.length; first += BATCH) {
          await trainer.lossAndGradient(examples.slice(first, first + BATCH), conditioning);
        }
      }
    });
    return { examples: examples.length, seconds };
  }

  async closeTrainers(): Promise<void> {
    for (const trainer of this.#trainers.values()) await trainer.close();
    this.#trainers.clear();
  }

  async close(): Promise<void> {
    await this.closeTrainers();
    await this.#engine.close();
  }

  async #trainer(kind: "deep" | "virtual"): Promise<TrainerEngine> {
    const known = this.#trainers.get(kind);
    if (known) return known;
    const trainer = TrainerEngine.open(this.#engine, {
      ...this.#options,
      target: { kind },
      trainingCacheBytes: 2 ** 31,
    });
    this.#trainers.set(kind, trainer);
    return trainer;
  }

  async #conditioning(kind: "deep" | "virtual"): Promise<Conditioning> {
    const ids = Array.from({ length: VIRTUAL }, (_, i) => 100 + i);
    return kind === "deep"
      ? this.#engine.deepTokens(ids)
      : { kind, count: VIRTUAL, rows: this.#engine.embeddings(ids) };
  }
}
