import { rotaryFamily } from "./rotary-family.ts";

/** Qwen2 and Qwen2.5: biases on queries, keys and values. */
export const qwen2 = rotaryFamily({
  name: "qwen2",
  ggufName: "qwen2",
  alwaysBiased: ["qkv"],
  windowNeedsSwitch: true,
  defaults: { num_key_value_heads: 32 },
});
