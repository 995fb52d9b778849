import { z } from "zod";
import { parseWith, RagError, Random } from "../core/index.ts";
import type { Conditioning, Generator, TrainingExample } from "../generator/index.ts";
import {
  type Retrieve,
  type RetrievedPair,
  retrievePairs,
  splitPairs,
  trainingExamples,
} from "./examples.ts";
import { generateAnswer } from "./generate-answer.ts";
import type { TrainingState } from "./prompt-file.ts";
import { conditioningOf, PROMPT_TEMPLATES } from "./prompt-layout.ts";
import { checkPromptName, type PromptDescription, type PromptMethod } from "./prompt-record.ts";
import { loadPrompt, loadTrainingState, savePrompt } from "./prompt-store.ts";
import type { QaFile } from "./qa-file.ts";
import type { QaPair } from "./qa-record.ts";
import { type AnswerScore, meanScore, scoreAnswer } from "./scores.ts";
import { contentOf, createTrainedPrompt, type TrainedPrompt } from "./trained-prompt.ts";
import { encoderOf, learningRateOf, type TuneSettings } from "./tune-settings.ts";

/** What a tuning run tells while it runs; the last event is "done". Scores are 0 to 100, times in seconds. */
export type TuneEvent =
  | { readonly event: "retrieving"; readonly pairs: number }
  | {
      readonly event: "prepared";
      readonly examples: number;
      readonly dev: number;
      readonly answersRetrieved: number;
      readonly trainableParameters: number;
    }
  | {
      readonly event: "step";
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      readonly loss: number;
      readonly gradientNorm: number;
      readonly learningRate: number;
      readonly examplesPerSecond: number;
      readonly secondsLeft: number;
    }
  | {
      readonly event: "dev";
      readonly epoch: number;
      readonly em: number;
      readonly f1: number;
      readonly best: boolean;
    }
  | {
      readonly event: "done";
      readonly prompt: string;
      readonly steps: number;
      readonly seconds: number;
      readonly trainLoss: number;
      readonly dev: AnswerScore | null;
      readonly trainableParameters: number;
      readonly stoppedEarly: boolean;
    };

export interface TuneParts {
  readonly qa: QaFile;
  readonly generator: Generator;
  readonly retrieve: Retrieve;
  /** The store whose `prompts/` gets the result. */
  readonly storeFolder: string;
  readonly signal?: AbortSignal | undefined;
}

const MAX_DEV_ANSWER_TOKENS = 32;
const MAX_PROMPT_TOKENS = 2048;
/** The last steps whose mean loss is reported. */
const REPORTED_STEPS = 10;

const progressSchema = z.strictObject({
  key: z.string(),
  epoch: z.int().nonnegative(),
  step: z.int().nonnegative(),
  seconds: z.number().nonnegative(),
  epochsWithoutGain: z.int().nonnegative(),
  random: z.strictObject({ words: z.array(z.int()), spareNormal: z.number().nullable() }),
});

/**
 * Trains a learned prompt on question-answer pairs and saves it: retrieve, split, train with the passages' keys and values cached,
 * score on held-out pairs after every epoch, keep the best. A checkpoint with the optimizer's and the random state is saved
 * after every epoch.
 * @throws RagError qa/invalid, config/invalid, train/diverged, prompt/*, engine/failed
 */
export async function* tunePrompt(
  settings: TuneSettings,
  parts: TuneParts,
): AsyncGenerator<TuneEvent, void> {
  checkPromptName(settings.name);
  const { generator } = parts;
  const pairs = new Random(settings.seed).shuffle(parts.qa.pairs).slice(0, settings.limit);
  yield { event: "retrieving", pairs: pairs.length };
  const data = await prepare(settings, parts, pairs);
  const prompt = await createTrainedPrompt(settings, generator);
  try {
    const run = new TuningRun(settings, parts, data, prompt);
    yield {
      event: "prepared",
      examples: data.examples.length,
      dev: data.dev.length,
      answersRetrieved: data.answersRetrieved,
      trainableParameters: prompt.trainable.parameterCount,
    };
    if (settings.resume) await run.resume();
    await generator.openTrainer(
      {
        target: { kind: settings.method === "p-tuning-v2" ? "deep" : "virtual" },
        trainingCacheBytes: settings.passageCacheBytes,
      },
      parts.signal,
    );
    yield* run.epochs();
  } finally {
    prompt.trainable.dispose();
    await generator.closeTrainer();
  }
}

interface TuningData {
  readonly examples: readonly TrainingExample[];
  readonly dev: readonly RetrievedPair[];
  readonly answersRetrieved: number;
}

async function prepare(
  settings: TuneSettings,
  parts: TuneParts,
  pairs: readonly QaPair[],
): Promise<TuningData> {
  const { generator, retrieve, signal } = parts;
  const { train, dev } = splitPairs(pairs, {
    devShare: settings.devShare,
    maxDev: settings.maxDevPairs,
    seed: settings.seed,
  });
  const options = {
    model: generator.model,
    placement: settings.placement,
    retrieve,
    maxTokens: Math.min(
      MAX_PROMPT_TOKENS,
      generator.contextLength - settings.tokens - MAX_DEV_ANSWER_TOKENS,
    ),
    signal,
  };
  const retrieved = await retrievePairs(train, options);
  return {
    examples: trainingExamples(generator.model, retrieved),
    dev: await retrievePairs(dev, options),
    answersRetrieved: retrieved.filter(({ isAnswerRetrieved }) => isAnswerRetrieved).length,
  };
}

/** One run's state between steps; what {@link TuningRun.resume} needs is saved with every checkpoint. */
class TuningRun {
  readonly #settings: TuneSettings;
  readonly #parts: TuneParts;
  readonly #data: TuningData;
  readonly #prompt: TrainedPrompt;
  readonly #steps: number;
  #random: Random;
  #epoch = 0;
  #step = 0;
  #seconds = 0;
  #epochsWithoutGain = 0;
  #losses: number[] = [];
  #devCurve: (AnswerScore & { step: number })[] = [];
  #best: { score: AnswerScore | null; conditioning: Conditioning } | undefined;

  constructor(settings: TuneSettings, parts: TuneParts, data: TuningData, prompt: TrainedPrompt) {
    this.#settings = settings;
    this.#parts = parts;
    this.#data = data;
    this.#prompt = prompt;
    this.#steps = settings.epochs * Math.ceil(data.examples.length / settings.batch);
    this.#random = new Random(settings.seed);
  }

  async *epochs(): AsyncGenerator<TuneEvent, void> {
    const { epochs, patience } = this.#settings;
    while (this.#epoch < epochs && this.#epochsWithoutGain < patience) {
      yield* this.#trainEpoch();
      this.#epoch++;
      yield await this.#score();
      await this.#save(false);
    }
    await this.#save(true);
    const recent = this.#losses.slice(-REPORTED_STEPS);
    yield {
      event: "done",
      prompt: this.#settings.name,
      steps: this.#step,
      seconds: this.#seconds,
      trainLoss: recent.reduce((sum, loss) => sum + loss, 0) / recent.length,
      dev: this.#best?.score ?? null,
      trainableParameters: this.#prompt.trainable.parameterCount,
      stoppedEarly: this.#epoch < epochs,
    };
  }

  /** @throws RagError prompt/not-found, prompt/invalid, config/invalid when the settings differ */
  async resume(): Promise<void> {
    const { storeFolder } = this.#parts;
    const { name } = this.#settings;
    const saved = await loadPrompt(storeFolder, name);
    const state = await loadTrainingState(storeFolder, name);
    if (!state) {
      throw new RagError(
        "prompt/invalid",
        `prompt "${name}": has no training state to resume from; train it again without --resume.`,
      );
    }
    const progress = parseWith(
      progressSchema,
      state.progress,
      `prompt "${name}"`,
      "prompt/invalid",
    );
    if (progress.key !== this.#key()) {
      throw new RagError(
        "config/invalid",
        `prompt "${name}": was begun with other settings or other pairs; use the same ones to resume, or another --name.`,
      );
    }
    this.#prompt.trainable.load(state.parameters);
    await this.#prompt.trainable.restore(state.optimizer);
    const { training } = saved.about;
    this.#random = Random.restore(progress.random);
    this.#epoch = progress.epoch;
    this.#step = progress.step;
    this.#seconds = progress.seconds;
    this.#epochsWithoutGain = progress.epochsWithoutGain;
    this.#losses = [...training.lossCurve];
    this.#devCurve = [...training.devCurve];
    this.#best = { score: training.dev, conditioning: conditioningOf(saved) };
  }

  async *#trainEpoch(): AsyncGenerator<TuneEvent, void> {
    const { batch } = this.#settings;
    const { generator, signal } = this.#parts;
    const order = this.#random.shuffle(this.#data.examples);
    const started = performance.now();
    const secondsBefore = this.#seconds;
    for (let first = 0; first < order.length; first += batch) {
      signal?.throwIfAborted();
      const examples = order.slice(first, first + batch);
      const result = await generator.lossAndGradient(examples, this.#prompt.conditioning(), signal);
      this.#requireFinite(result.loss);
      const learningRate = this.#scheduledRate();
      const { gradientNorm } = this.#prompt.step(result.gradients, learningRate);
      this.#step++;
      this.#losses.push(result.loss);
      const elapsed = (performance.now() - started) / 1000;
      this.#seconds = secondsBefore + elapsed;
      const examplesPerSecond = (first + examples.length) / elapsed;
      yield {
        event: "step",
        step: this.#step,
        steps: this.#steps,
        epoch: this.#epoch + 1,
        loss: result.loss,
        gradientNorm,
        learningRate,
        examplesPerSecond,
        secondsLeft: ((this.#steps - this.#step) * batch) / examplesPerSecond,
      };
    }
  }

  /** Linear warm-up, then linear decay to zero at the last step. */
  #scheduledRate(): number {
    const { warmupSteps } = this.#settings;
    const warm = Math.min(1, (this.#step + 1) / Math.max(1, warmupSteps));
    return learningRateOf(this.#settings) * warm * (1 - this.#step / this.#steps);
  }

  #requireFinite(loss: number): void {
    if (Number.isFinite(loss)) return;
    throw new RagError(
      "train/diverged",
      `step ${this.#step + 1}: the loss is ${loss}; the last checkpoint is kept. Try --learning-rate ${learningRateOf(this.#settings) / 4}.`,
    );
  }

  async #score(): Promise<TuneEvent> {
    const { dev } = this.#data;
    const { generator, signal } = this.#parts;
    const started = performance.now();
    const conditioning = this.#prompt.conditioning();
    const scores: AnswerScore[] = [];
    for (const { pair, prompt } of dev) {
      const maxTokens = MAX_DEV_ANSWER_TOKENS;
      const answer = await generateAnswer(generator, prompt, { conditioning, maxTokens, signal });
      scores.push(scoreAnswer(answer, pair.answers));
    }
    const score = dev.length > 0 ? meanScore(scores) : null;
    const isBest = !this.#best?.score || !score || score.f1 > this.#best.score.f1;
    if (isBest) this.#best = { score, conditioning };
    this.#epochsWithoutGain = isBest ? 0 : this.#epochsWithoutGain + 1;
    if (score) this.#devCurve.push({ ...score, step: this.#step });
    this.#seconds += (performance.now() - started) / 1000;
    return {
      event: "dev",
      epoch: this.#epoch,
      em: score?.em ?? 0,
      f1: score?.f1 ?? 0,
      best: isBest,
    };
  }

  async #save(isFinished: boolean): Promise<void> {
    const { trainable } = this.#prompt;
    const state: TrainingState = {
      parameters: trainable.save(),
      optimizer: await trainable.optimizerState(),
      progress: {
        key: this.#key(),
        epoch: this.#epoch,
        step: this.#step,
        seconds: this.#seconds,
        epochsWithoutGain: this.#epochsWithoutGain,
        random: this.#random.save(),
      },
    };
    const content = contentOf(this.#best!.conditioning);
    await savePrompt(
      this.#parts.storeFolder,
      { about: this.#describe(isFinished), content },
      state,
    );
  }

  #describe(isFinished: boolean): PromptDescription {
    const settings = this.#settings;
    const { model } = this.#parts.generator;
    const { width, layers, heads, keyValueHeads, headDimension } = model.config;
    return {
      name: settings.name,
      createdAt: new Date().toISOString(),
      method: settings.method as PromptMethod,
      encoder: { kind: encoderOf(settings), hiddenSize: settings.encoderHiddenSize },
      placement: settings.placement,
      virtualTokens: settings.tokens,
      baseModel: {
        name: model.name,
        fingerprint: model.fingerprint,
        width,
        layers,
        attentionHeads: heads,
        keyValueHeads,
        headDimension,
      },
      training: {
        qaHash: this.#parts.qa.hash,
        examples: this.#data.examples.length,
        epochs: this.#epoch,
        steps: this.#step,
        seconds: this.#seconds,
        seed: settings.seed,
        learningRate: learningRateOf(settings),
        batch: settings.batch,
        passages: settings.passages,
        passagesMax: settings.passages,
        lossCurve: this.#losses,
        devCurve: this.#devCurve,
        dev: this.#best?.score ?? null,
        isFinished,
      },
      template: PROMPT_TEMPLATES[settings.placement],
      instruction: settings.instruction,
    };
  }

  /** Everything that must be the same for a resumed run to be the same run. */
  #key(): string {
    const { resume: _, passageCacheBytes: __, ...same } = this.#settings;
    return JSON.stringify({ ...same, qa: this.#parts.qa.hash });
  }
}
