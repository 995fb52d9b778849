/**
 * Where a tokenizer begins text with a space of its own, as SentencePiece does: "first" at the beginning of a text only, "every" also behind
 * each special token.
 */
export type SpacePrefix = "first" | "every";

interface Steps {
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
}

/** A step of a `tokenizer.json`, or a sequence of them. */
interface Step {
  readonly type?: unknown;
  readonly prepend_scheme?: unknown;
  readonly normalizers?: unknown;
  readonly pretokenizers?: unknown;
}

/** Undefined for a tokenizer that adds no space. */
export function spacePrefixOf({ normalizer, pre_tokenizer }: Steps): SpacePrefix | undefined {
  const steps = [...stepsOf(normalizer), ...stepsOf(pre_tokenizer)];
  if (steps.some(({ type }) => type === "Prepend")) return "every";
  const metaspace = steps.find(({ type }) => type === "Metaspace");
  if (!metaspace || metaspace.prepend_scheme === "never") return undefined;
  return metaspace.prepend_scheme === "first" ? "first" : "every";
}

/** The same tokenizer for text that goes on from other text. */
export const withoutSpacePrefix = <Json extends Steps>(json: Json): Json => ({
  ...json,
  normalizer: withoutPrefix(json.normalizer),
  pre_tokenizer: withoutPrefix(json.pre_tokenizer),
});

function stepsOf(step: unknown): readonly Step[] {
  if (typeof step !== "object" || step === null) return [];
  const { normalizers, pretokenizers }: Step = step;
  return [step, ...[normalizers ?? pretokenizers ?? []].flat().flatMap(stepsOf)];
}

function withoutPrefix(step: unknown): unknown {
  if (typeof step !== "object" || step === null) return step;
  const { type, normalizers, pretokenizers }: Step = step;
  if (type === "Prepend") return { type: "Sequence", normalizers: [] };
  if (type === "Metaspace") return { ...step, prepend_scheme: "never" };
  if (Array.isArray(normalizers)) return { ...step, normalizers: normalizers.map(withoutPrefix) };
  return Array.isArray(pretokenizers)
    ? { ...step, pretokenizers: pretokenizers.map(withoutPrefix) }
    : step;
}
