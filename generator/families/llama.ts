import { rotaryFamily } from "./rotary-family.ts";

/** Llama 1 to 3, SmolLM2 and others of the same shape. llama.cpp stores Mistral under this name too. */
export const llama = rotaryFamily({
  name: "llama",
  ggufName: "llama",
  biasedByAttention: ["qkv", "o"],
  biasedByFeedForward: ["gateUp", "down"],
  isInterleavedInGguf: true,
});
