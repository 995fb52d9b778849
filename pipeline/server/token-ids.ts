import { z } from "zod";

/** No tokenizer that is read has more. */
const LARGEST_ID = 0xff_ffff;

/**
 * A list of 1 to `most` token ids. It is looked at up to the first that is none: zod's own list would describe each of
 * a million wrong ones.
 */
export function tokenIds(most: number): z.ZodType<number[]> {
  return z
    .custom<number[]>((value) => Array.isArray(value) && typeof value[0] === "number")
    .check(({ value: ids, issues }) => {
      if (ids.length > most) issues.push(wrong(ids, `expected at most ${most} token ids`));
      const index = ids.findIndex((id) => !isId(id));
      if (index < 0) return;
      issues.push({ ...wrong(ids[index], "expected a token id"), path: [index] });
    })
    .meta({
      type: "array",
      minItems: 1,
      maxItems: most,
      items: { type: "integer", minimum: 0, maximum: LARGEST_ID },
    });
}

const isId = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_ID;

/** `continue`: of the forms that a field may have, the list is the one that was meant. */
const wrong = (input: unknown, message: string) => ({
  code: "custom" as const,
  input,
  message,
  continue: true,
});
