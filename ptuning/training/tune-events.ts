import type { AnswerScore } from "../scores.ts";
import type { SkippedPairs } from "../too-long-pairs.ts";

/** What a tuning run tells while it runs; the last event is "done". Scores are 0 to 100, times in seconds. */
export type TuneEvent =
  | {
      /** Pairs that nothing is learned from, because they are too long for the model; told once, before anything else. */
      readonly event: "skipped";
      readonly count: SkippedPairs["count"];
      readonly first: SkippedPairs["first"];
    }
  | {
      /** A run that was to be resumed begins from the start instead; told before the rest of it. */
      readonly event: "anew";
      readonly prompt: string;
      /** What is saved and cannot be resumed; null: nothing is. */
      readonly problem: string | null;
    }
  | {
      /** Passages are looked for; not told of inputs that stand alone. */
      readonly event: "retrieving";
      /** How many questions are asked. */
      readonly pairs: number;
    }
  | {
      readonly event: "prepared";
      readonly examples: number;
      readonly dev: number;
      /** Among the examples: those whose passages do not answer them. */
      readonly unanswerable: number;
      readonly answersRetrieved: number;
      /** Pairs that say the same as an earlier one. */
      readonly duplicates: number;
      /** Pairs beside held-out ones about the same document, which nothing is learned from. */
      readonly unused: number;
      readonly trainableParameters: number;
      /** Of the model and what is trained together. */
      readonly allParameters: number;
    }
  | {
      readonly event: "learning-rate";
      /** The rate that is trained with. */
      readonly learningRate: number;
      readonly curve: readonly { readonly learningRate: number; readonly loss: number }[];
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
  | { readonly event: "checkpoint"; readonly step: number }
  | {
      readonly event: "dev";
      readonly epoch: number;
      readonly em: number;
      readonly f1: number;
      readonly best: boolean;
    }
  | { readonly event: "seed"; readonly seed: number; readonly dev: AnswerScore | null }
  | {
      readonly event: "done";
      readonly prompt: string;
      readonly steps: number;
      readonly seconds: number;
      readonly trainLoss: number;
      readonly dev: AnswerScore | null;
      readonly trainableParameters: number;
      readonly stoppedEarly: boolean;
      /** The seed of the saved prompt. */
      readonly seed: number;
    };
