import { rotaryFamily } from "./rotary-family.ts";

/** Mistral 7B and its relatives: Llama with an attention window in the first version. In GGUF it is a "llama". */
export const mistral = rotaryFamily({ name: "mistral", defaults: { num_key_value_heads: 8 } });
