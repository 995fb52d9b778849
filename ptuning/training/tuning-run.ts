import { RagError, Random } from "../../core/index.ts";
import type { Generator, TrainingExample } from "../../generator/index.ts";
import { scoredAnswerTokens } from "../answer-length.ts";
import { conditioningOf } from "../conditioning-of.ts";
import { answerTogether, generateAnswer } from "../generate-answer.ts";
import type { TrainedPrompt } from "../methods/method.ts";
import { baseModelOf } from "../model-description.ts";
import type { LearnedPrompt, TrainingState } from "../prompt-file.ts";
import type { PromptDescription } from "../prompt-record.ts";
import { checkPromptFits } from "../prompt-record.ts";
import { loadPromptInTraining, saveCheckpoint, savePrompt } from "../prompt-store.ts";
import type { PromptContent } from "../prompt-tensors.ts";
import { type AnswerScore, meanScore, scoreAnswer } from "../scores.ts";
import type { TuneSettings } from "../tune-settings.ts";
import { batchGradient } from "./batch-gradient.ts";
import { loadCheckpoint, type Progress } from "./checkpoint.ts";
import { contentOf } from "./content-of.ts";
import { describeRun } from "./describe-run.ts";
import { EpochClock } from "./epoch-clock.ts";
import { learningRateOf, scheduledRate } from "./learning-rate.ts";
import { reportedLoss } from "./reported-loss.ts";
import type { TuneEvent } from "./tune-events.ts";
import type { TuningData } from "./tuning-data.ts";

export interface RunParts {
  readonly generator: Generator;
  readonly storeFolder: string;
  /** sha256 of the pairs. */
  readonly qaHash: string;
  readonly data: TuningData;
  readonly prompt: TrainedPrompt;
  readonly signal?: AbortSignal | undefined;
}

/** Few are enough: shares differ little between questions. */
const ATTENTION_EXAMPLES = 4;
/** A loss this many times what guessing among all tokens costs will not come back. */
const EXPLODED = 3;

/** One run's state between steps; what {@link TuningRun.resume} needs is saved with every checkpoint. */
export class TuningRun {
  readonly #settings: TuneSettings;
  readonly #parts: RunParts;
  readonly #key: string;
  readonly #examplesPerStep: number;
  readonly #steps: number;
  #random: Random;
  #epochRandom: Random;
  #epoch = 0;
  #step = 0;
  /** Of the last checkpoint. */
  #savedStep: number | undefined;
  #examplesDone = 0;
  #seconds = 0;
  #passageSeconds = 0;
  #epochsWithoutGain = 0;
  #isFinished = false;
  #losses: number[] = [];
  #devCurve: (AnswerScore & { step: number })[] = [];
  #best: { readonly score: AnswerScore | null; readonly content: PromptContent } | undefined;

  /** `key`: everything that must be the same for a resumed run to be the same run. */
  constructor(settings: TuneSettings, key: string, parts: RunParts) {
    this.#settings = settings;
    this.#key = key;
    this.#parts = parts;
    this.#examplesPerStep = settings.batch * settings.accumulate;
    this.#steps = settings.epochs * Math.ceil(parts.data.count / this.#examplesPerStep);
    this.#random = new Random(settings.seed);
    this.#epochRandom = this.#random;
  }

  /** Trains to the end; the last event is "done". @throws RagError train/diverged, prompt/*, engine/failed */
  async *epochs(): AsyncGenerator<TuneEvent, void> {
    const { epochs } = this.#settings;
    while (!this.#isFinished && this.#hasEpochs()) {
      yield* this.#trainEpoch();
      this.#epoch++;
      this.#examplesDone = 0;
      const scored = await this.#score();
      // Nothing held out has no score to tell.
      if (this.#parts.data.dev.length > 0) yield scored;
      await this.#save(false);
    }
    if (!this.#isFinished) await this.#save(true);
    yield {
      event: "done",
      prompt: this.#settings.name,
      steps: this.#step,
      seconds: this.#seconds,
      trainLoss: reportedLoss(this.#losses),
      dev: this.#best?.score ?? null,
      trainableParameters: this.#parts.prompt.trainable.parameterCount,
      stoppedEarly: this.#epoch < epochs,
      seed: this.#settings.seed,
    };
  }

  /**
   * Goes on from the last checkpoint; of a run that has ended, only what it told last is told again.
   * @throws RagError prompt/not-found, prompt/invalid, config/invalid for other settings, pairs or passages, prompt/mismatch for another
   * model
   */
  async resume(): Promise<void> {
    const { storeFolder, prompt, generator, data } = this.#parts;
    const { saved, state, progress } = await loadCheckpoint(
      storeFolder,
      this.#settings.name,
      this.#key,
    );
    checkPromptFits(saved, baseModelOf(generator.model));
    if ((progress.examples ?? data.hash) !== data.hash) throw otherPassages(this.#settings.name);
    this.#isFinished = saved.about.training.isFinished;
    if (!this.#isFinished) {
      prompt.trainable.load(state.parameters);
      await prompt.trainable.restore(state.optimizer);
    }
    this.#random = Random.restore(progress.random);
    this.#epochRandom = Random.restore(progress.epochRandom);
    this.#epoch = progress.epoch;
    this.#step = progress.step;
    this.#savedStep = progress.step;
    this.#examplesDone = progress.examplesDone;
    this.#seconds = progress.seconds;
    this.#passageSeconds = progress.passageSeconds;
    this.#epochsWithoutGain = progress.epochsWithoutGain;
    const { training } = saved.about;
    this.#losses = [...training.lossCurve];
    this.#devCurve = [...training.devCurve];
    if (progress.isScored) this.#best = { score: training.dev, content: saved.content };
  }

  #hasEpochs(): boolean {
    const { epochs, patience } = this.#settings;
    return this.#epoch < epochs && this.#epochsWithoutGain < patience;
  }

  async *#trainEpoch(): AsyncGenerator<TuneEvent, void> {
    const order = this.#orderOfEpoch();
    const clock = new EpochClock();
    const secondsBefore = this.#seconds;
    while (this.#examplesDone < order.length) {
      this.#parts.signal?.throwIfAborted();
      const first = this.#examplesDone;
      const examples = order.slice(first, first + this.#examplesPerStep);
      const { passageSeconds, ...stepped } = await this.#takeStep(examples);
      this.#examplesDone += examples.length;
      clock.add(examples.length, passageSeconds);
      this.#seconds = secondsBefore + clock.seconds;
      yield {
        event: "step",
        step: this.#step,
        steps: this.#steps,
        epoch: this.#epoch + 1,
        ...stepped,
        examplesPerSecond: clock.examplesPerSecond,
        secondsLeft: clock.secondsFor(this.#examplesLeft(order.length)),
      };
      if (this.#isCheckpointDue(order.length)) {
        await this.#save(false);
        yield { event: "checkpoint", step: this.#step };
      }
    }
  }

  #examplesLeft(inEpoch: number): { readonly fresh: number; readonly known: number } {
    const { count, hasNewPassages } = this.#parts.data;
    const left = { fresh: 0, known: 0 };
    for (let epoch = this.#epoch; epoch < this.#settings.epochs; epoch++) {
      const examples = epoch === this.#epoch ? inEpoch - this.#examplesDone : count;
      left[hasNewPassages(epoch) ? "fresh" : "known"] += examples;
    }
    return left;
  }

  /** The epoch's order; the same again when it was under way at the checkpoint. */
  #orderOfEpoch(): readonly TrainingExample[] {
    const examples = this.#parts.data.examplesOf(this.#epoch);
    if (this.#examplesDone > 0) {
      return Random.restore(this.#epochRandom.save()).shuffle(examples);
    }
    this.#epochRandom = Random.restore(this.#random.save());
    return this.#random.shuffle(examples);
  }

  async #takeStep(examples: readonly TrainingExample[]) {
    const { generator, prompt, signal } = this.#parts;
    const { batch, randomTokens } = this.#settings;
    const random = randomTokens ? this.#random : undefined;
    const work = { examples, batch, random, signal };
    const { loss, gradients, passageSeconds } = await batchGradient(
      generator,
      prompt.conditioning(),
      work,
    );
    this.#passageSeconds += passageSeconds;
    this.#requireSound(loss);
    const learningRate = scheduledRate(this.#settings, this.#step, this.#steps);
    const { gradientNorm } = prompt.step(gradients, learningRate);
    this.#step++;
    this.#losses.push(loss);
    return { loss, gradientNorm, learningRate, passageSeconds };
  }

  #isCheckpointDue(examples: number): boolean {
    // At the end of an epoch the scored prompt is saved. Gigabytes of a whole model are saved only then.
    if (this.#examplesDone >= examples || this.#settings.method === "full") return false;
    return this.#step % this.#settings.checkpointSteps === 0;
  }

  #requireSound(loss: number): void {
    const { vocabulary } = this.#parts.generator.model.config;
    if (Number.isFinite(loss) && loss <= EXPLODED * Math.log(vocabulary)) return;
    const rate = learningRateOf(this.#settings);
    const kept =
      this.#savedStep === undefined
        ? "it had saved no checkpoint yet"
        : `its checkpoint of step ${this.#savedStep} is kept`;
    throw new RagError(
      "train/diverged",
      `step ${this.#step + 1}: the loss is ${Number.isFinite(loss) ? loss.toFixed(1) : loss}, training has come apart; ${kept}. Try --learning-rate ${Number((rate / 4).toPrecision(2))}.`,
    );
  }

  async #score(): Promise<TuneEvent> {
    const { data, generator, prompt, signal } = this.#parts;
    const started = performance.now();
    const conditioning = prompt.conditioning();
    const { maxAnswerTokens } = this.#settings;
    const scores = await answerTogether(data.dev, async ({ pair, prompt: laidOut }) => {
      const answer = await generateAnswer(generator, laidOut, {
        ...{ conditioning, signal },
        maxTokens: scoredAnswerTokens(pair.task, maxAnswerTokens),
        keepsPrefix: true,
      });
      return scoreAnswer(answer, pair.answers);
    });
    const score = data.dev.length > 0 ? meanScore(scores) : null;
    const isBest = !this.#best?.score || !score || score.f1 > this.#best.score.f1;
    if (isBest) this.#best = { score, content: contentOf(conditioning, generator.model) };
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
    const { generator, data, prompt, qaHash, storeFolder } = this.#parts;
    const { trainable } = prompt;
    const content = this.#best?.content ?? contentOf(prompt.conditioning(), generator.model);
    const about = describeRun(this.#settings, generator.model, {
      isInput: data.isInput,
      outcome: {
        qaHash,
        examples: data.count,
        epochs: this.#epoch + this.#examplesDone / data.count,
        steps: this.#step,
        seconds: this.#seconds,
        passageSeconds: this.#passageSeconds,
        lossCurve: this.#losses,
        devCurve: this.#devCurve,
        dev: this.#best?.score ?? null,
        isFinished,
        trainableParameters: trainable.parameterCount,
      },
    });
    if (isFinished) {
      const observed = await this.#attention({ about, content });
      // The state of a whole model is three times the model: when nothing is left to train it goes.
      const state = "model" in content ? this.#endState() : await this.#state();
      await savePrompt(storeFolder, { about: { ...about, ...observed }, content }, state);
    } else {
      await saveCheckpoint(storeFolder, { about, content }, await this.#state());
      this.#savedStep = this.#step;
    }
    // A whole model's arrays change with the next step: from here on the best one is the one on disk.
    if (this.#best && "model" in content) {
      const saved = await loadPromptInTraining(storeFolder, this.#settings.name);
      this.#best = { score: this.#best.score, content: saved.content };
    }
  }

  /** What the record of a finished prompt adds, where it has virtual tokens. */
  async #attention(prompt: LearnedPrompt): Promise<Pick<PromptDescription, "attention">> {
    if (prompt.about.virtualTokens === 0) return {};
    const { data, generator } = this.#parts;
    const examples = data.examplesOf(0).slice(0, ATTENTION_EXAMPLES);
    const shares = await generator.attentionShares(examples, conditioningOf(prompt));
    return shares ? { attention: { ...shares, virtualTokens: [...shares.virtualTokens] } } : {};
  }

  async #state(): Promise<TrainingState> {
    const { trainable } = this.#parts.prompt;
    const optimizer = await trainable.optimizerState();
    return { parameters: trainable.save(), optimizer, progress: this.#progress() };
  }

  #endState(): TrainingState {
    return { parameters: new Map(), optimizer: new Map(), progress: this.#progress() };
  }

  #progress(): Progress {
    return {
      key: this.#key,
      examples: this.#parts.data.hash,
      epoch: this.#epoch,
      step: this.#step,
      examplesDone: this.#examplesDone,
      seconds: this.#seconds,
      passageSeconds: this.#passageSeconds,
      epochsWithoutGain: this.#epochsWithoutGain,
      isScored: this.#best !== undefined,
      learningRate: this.#settings.learningRate ?? null,
      random: saved(this.#random),
      epochRandom: saved(this.#epochRandom),
    };
  }
}

function otherPassages(name: string): RagError {
  return new RagError(
    "config/invalid",
    `prompt "${name}": its pairs come with other passages than when it was begun (documents were changed, or the search); train it again without --resume.`,
  );
}

/** A random state as plain JSON. */
function saved(random: Random): Progress["random"] {
  const { words, spareNormal } = random.save();
  return { words: [...words], spareNormal };
}
