import type { Settings } from "../settings.ts";

/** Settings that make another model's answers of the same weights; absent where they were left as they are. */
export type ModelSettings = {
  readonly [Name in "modelPrecision" | "contextLength" | "provider"]?: Settings[Name] | undefined;
};

/** What results depend on: none for a model as it is, so that results without these settings stay known. */
export const modelInputs = ({
  modelPrecision,
  contextLength,
  provider,
}: ModelSettings): readonly string[] =>
  Object.entries({ modelPrecision, contextLength, provider }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${value}`],
  );

/** A model with its settings, in words. */
export function modelText(
  name: string,
  { modelPrecision, contextLength, provider }: ModelSettings,
): string {
  const parts = [`weights ${modelPrecision === undefined ? "as stored" : `in ${modelPrecision}`}`];
  if (contextLength !== undefined) parts.push(`context of ${contextLength} tokens`);
  if (provider !== undefined) parts.push(`on ${provider}`);
  return `${name} (${parts.join(", ")})`;
}
