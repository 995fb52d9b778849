import { rotaryFamily } from "./rotary-family.ts";

/** Qwen3, dense: norms on each query and key head. */
export const qwen3 = rotaryFamily({
  name: "qwen3",
  ggufName: "qwen3",
  biasedByAttention: ["qkv", "o"],
  hasQueryKeyNorm: true,
  windowNeedsSwitch: true,
  defaults: { num_key_value_heads: 32, head_dim: 128 },
});
