import { Random } from "../../core/index.ts";
import type { Model } from "../../generator/index.ts";
import type { TuneSettings } from "../tune-settings.ts";

/**
 * The tokens that virtual tokens start as: those of the instruction text, repeated or cut to their number as PEFT does; or
 * drawn from the vocabulary, special ones excepted; undefined for random numbers.
 */
export function initialTokens(
  { initialise, instruction, tokens, seed }: TuneSettings,
  { tokenizer }: Model,
): number[] | undefined {
  if (initialise === "random") return undefined;
  if (initialise === "text") {
    const ids = tokenizer.encode(instruction);
    return Array.from({ length: tokens }, (_, index) => ids[index % ids.length]!);
  }
  const random = new Random(seed);
  const draw = (): number => {
    const id = random.integer(tokenizer.vocabularySize);
    return tokenizer.specialIds.has(id) || tokenizer.tokenOf(id) === undefined ? draw() : id;
  };
  return Array.from({ length: tokens }, draw);
}
