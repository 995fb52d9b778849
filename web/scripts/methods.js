/** By method: what it is called, and which fields its training has. */
export const METHODS = {
  "p-tuning-v2": { label: "Deep tokens at every layer (P-Tuning v2)", fields: ["tokens"] },
  "p-tuning": {
    label: "Virtual tokens through an encoder (P-Tuning)",
    fields: ["tokens", "encoder"],
  },
  "prompt-tuning": { label: "Plain virtual tokens (prompt tuning)", fields: ["tokens"] },
  "prefix-tuning": { label: "Rows in front of everything (prefix tuning)", fields: ["tokens"] },
  lora: { label: "Additions to the weights (LoRA)", fields: ["rank"] },
  full: { label: "All weights (slow, a large file)", fields: [] },
};

/** What people call a method. @param {string} method */
export const methodLabel = (method) =>
  METHODS[/** @type {keyof typeof METHODS} */ (method)]?.label ?? method;
