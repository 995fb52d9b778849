import { RagError } from "../core/index.ts";
import { type Conditioning, virtualCountOf } from "./conditioning.ts";
import type { TrainingExample } from "./trainer-engine.ts";

/**
 * Refuses a batch that cannot be learned from as it is meant. An answer's first token is predicted where the token before it stands, and that
 * one must be computed: it is among `ids` or the virtual tokens, since passages and deep tokens come as rows of keys and values.
 * `vocabulary`: V; ids are whole numbers below it.
 * @throws RagError request/invalid naming the field
 */
export function requireExamples(
  examples: readonly TrainingExample[],
  conditioning: Conditioning,
  vocabulary: number,
): void {
  if (!Array.isArray(examples) || examples.length === 0) {
    throw refusal("examples", "is empty; expected an array of at least one example.");
  }
  for (const [index, example] of examples.entries()) {
    const at = `examples[${index}]`;
    for (const field of ["prefixIds", "ids", "answerIds"] as const) {
      requireIds(`${at}.${field}`, example?.[field], vocabulary);
    }
    const { prefixIds, ids, answerIds } = example;
    if (prefixIds.length > 0 && !keepsPassages(conditioning.kind)) {
      throw refusal(
        `${at}.prefixIds`,
        `has ${prefixIds.length} ids, but training of the kind "${conditioning.kind}" changes how they are read; put them in front of ids and leave prefixIds empty.`,
      );
    }
    if (ids.length + virtualCountOf(conditioning) === 0) {
      throw refusal(
        `${at}.ids`,
        "is empty; expected at least one id, which the answer's first token follows.",
      );
    }
    if (answerIds.length === 0) {
      throw refusal(`${at}.answerIds`, "is empty; expected at least one id to be learned.");
    }
  }
}

/** Whether the keys and values of passages are the frozen model's own under a conditioning, so that they can be kept. */
const keepsPassages = (kind: Conditioning["kind"]): boolean =>
  kind === "virtual" || kind === "deep";

function requireIds(field: string, ids: unknown, vocabulary: number): void {
  if (!Array.isArray(ids)) {
    throw refusal(field, "is no array; expected token ids, none as [].");
  }
  for (const [index, id] of ids.entries()) {
    if (Number.isInteger(id) && id >= 0 && id < vocabulary) continue;
    throw refusal(
      `${field}[${index}]`,
      `is ${String(id)}; expected an id of the model's ${vocabulary} tokens, a whole number from 0 to ${vocabulary - 1}.`,
    );
  }
}

const refusal = (field: string, problem: string): RagError =>
  new RagError("request/invalid", `${field}: ${problem}`, { param: field });
