import {
  type Conditioning,
  type Generator,
  parameterCount,
  type TrainingExample,
} from "../../generator/index.ts";
import { writeAdapter } from "../formats/export-prompt.ts";
import type { TrainedPrompt } from "../methods/method.ts";
import { METHODS } from "../methods/methods.ts";
import { parameterReport } from "../parameter-report.ts";
import type { StepReport } from "../trainable.ts";
import { contentOf } from "../training/content-of.ts";
import { describeRun } from "../training/describe-run.ts";
import { learningRateOf } from "../training/learning-rate.ts";
import { passageCacheBytesOf } from "../training/passage-room.ts";
import type { PeftConfig } from "./configs.ts";

/** One optimizer step: the loss before it, and how long its gradient was. */
export interface PeftStep extends StepReport {
  readonly loss: number;
}

/**
 * A frozen model with something small to train on it, for those who know PEFT. Free it with {@link PeftModel.close}; the generator stays
 * the caller's, and trains one thing at a time.
 */
export class PeftModel {
  readonly #generator: Generator;
  readonly #config: PeftConfig;
  readonly #prompt: TrainedPrompt;
  readonly #losses: number[] = [];
  #isClosed = false;

  constructor(generator: Generator, config: PeftConfig, prompt: TrainedPrompt) {
    this.#generator = generator;
    this.#config = config;
    this.#prompt = prompt;
  }

  /** PEFT's print_trainable_parameters: how much is trained, in numbers and words. */
  trainableParameters(): {
    readonly trainableParameters: number;
    readonly allParameters: number;
    readonly text: string;
  } {
    const { parameterCount: trainableParameters } = this.#prompt.trainable;
    const own = parameterCount(this.#generator.model.config);
    const counts = { trainableParameters, allParameters: own + trainableParameters };
    return { ...counts, text: parameterReport(counts) };
  }

  /**
   * Learns from a batch. Ids stand after what is trained: give passages among `ids`, not as a prefix.
   * @throws RagError request/invalid for a batch or ids that cannot be learned, context/overflow, train/diverged, engine/failed
   */
  async trainStep(examples: readonly TrainingExample[], learningRate?: number): Promise<PeftStep> {
    const conditioning = this.#prompt.conditioning();
    const { loss, gradients } = await this.#generator.lossAndGradient(examples, conditioning);
    const { gradientNorm } = this.#prompt.step(gradients, learningRate);
    this.#losses.push(loss);
    return { loss, gradientNorm };
  }

  /** What `generator.generate` takes to answer with what was learned so far. */
  conditioning(): Conditioning {
    return this.#prompt.conditioning();
  }

  /** Writes `adapter_config.json` and `adapter_model.safetensors`, as PEFT does. @throws RagError file/write-failed */
  async savePretrained(folder: string): Promise<void> {
    const { model } = this.#generator;
    const about = describeRun(this.#config.settings, model, {
      isInput: true,
      outcome: {
        qaHash: "0".repeat(64), // nothing is known about the examples
        examples: 0,
        epochs: 0,
        steps: this.#losses.length,
        seconds: 0,
        lossCurve: this.#losses,
        devCurve: [],
        dev: null,
        isFinished: true,
      },
    });
    await writeAdapter({ about, content: contentOf(this.#prompt.conditioning(), model) }, folder);
  }

  /** Frees the trained numbers and the training graph; nothing else may be called after it. */
  async close(): Promise<void> {
    if (this.#isClosed) return; // by now the training graph may be another's
    this.#isClosed = true;
    this.#prompt.trainable.dispose();
    await this.#generator.closeTrainer();
  }
}

/**
 * PEFT's get_peft_model: puts something to train on a frozen model.
 * `const model = await getPeftModel(generator, new PromptEncoderConfig({ numVirtualTokens: 20 }))`
 * @throws RagError config/invalid, also while the generator trains something else; engine/failed
 */
export async function getPeftModel(generator: Generator, config: PeftConfig): Promise<PeftModel> {
  const { settings } = config;
  const method = METHODS[settings.method];
  const optimizer = {
    learningRate: learningRateOf(settings),
    weightDecay: settings.weightDecay,
    maxGradientNorm: settings.maxGradientNorm,
  };
  const prompt = await method.create({ settings, generator, optimizer });
  try {
    const target = method.target(settings, generator.model);
    await generator.openTrainer({ target, trainingCacheBytes: passageCacheBytesOf(settings) });
  } catch (thrown) {
    prompt.trainable.dispose();
    throw thrown;
  }
  return new PeftModel(generator, config, prompt);
}
