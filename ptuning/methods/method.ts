import type {
  Conditioning,
  Generator,
  LossAndGradient,
  Model,
  TrainingTarget,
} from "../../generator/index.ts";
import type { OptimizerSettings } from "../optimizer.ts";
import type { StepOptions, StepReport, Trainable } from "../trainable.ts";
import type { TuneSettings } from "../tune-settings.ts";

/** A prompt while it is trained: what the model reads, and where its gradient goes. */
export interface TrainedPrompt {
  readonly trainable: Pick<
    Trainable<unknown, unknown>,
    "parameterCount" | "save" | "load" | "optimizerState" | "restore" | "dispose"
  >;
  conditioning(): Conditioning;
  /** `gradients` as the trainer gives them for that conditioning. @throws RagError train/diverged */
  step(gradients: LossAndGradient["gradients"], learningRate?: number): StepReport;
}

/** What a method makes a prompt from. */
export interface MethodContext {
  readonly settings: TuneSettings;
  readonly generator: Generator;
  readonly optimizer: OptimizerSettings;
}

/** One way to train. What only it needs is in its folder. */
export interface TuningMethod {
  /** The step size unless another is set. */
  learningRate(settings: TuneSettings): number;
  /** What the model's training graph differentiates. @throws RagError config/invalid */
  target(settings: TuneSettings, model: Model): TrainingTarget;
  /** Passages stand before everything it changes, so their keys and values are the frozen model's and can be kept. */
  readonly keepsPassages: boolean;
  /** Rows it adds to the context, K; 0 when it changes weights. */
  virtualTokens(settings: TuneSettings): number;
  /** A fresh prompt. @throws RagError config/invalid */
  create(context: MethodContext): Promise<TrainedPrompt>;
}

/** Leaves the optimizer's own rate where none is given. */
export const stepOptions = (learningRate: number | undefined): StepOptions =>
  learningRate === undefined ? {} : { learningRate };
