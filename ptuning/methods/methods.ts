import type { TuneSettings } from "../tune-settings.ts";
import { full } from "./full/model.ts";
import { lora } from "./lora/model.ts";
import type { TuningMethod } from "./method.ts";
import { pTuning } from "./p-tuning/model.ts";
import { pTuningV2 } from "./p-tuning-v2/model.ts";
import { prefixTuning } from "./prefix-tuning/model.ts";
import { promptTuning } from "./prompt-tuning/model.ts";

/** Every method by its name on the command line. */
export const METHODS: Readonly<Record<TuneSettings["method"], TuningMethod>> = {
  "p-tuning": pTuning,
  "p-tuning-v2": pTuningV2,
  "prompt-tuning": promptTuning,
  "prefix-tuning": prefixTuning,
  lora,
  full,
};
