import { RagError } from "../core/index.ts";

/**
 * Reads a flag's value as a whole number; its range is checked where the setting is defined.
 * @throws RagError config/invalid naming the flag
 */
export const wholeNumber = (flag: string) => (value: string) => {
  if (/^-?\d{1,15}$/.test(value)) return Number(value);
  throw invalid(flag, "a whole number", value);
};

/** Like {@link wholeNumber}, for numbers such as 0.02 or 1e-3. @throws RagError config/invalid */
export const decimalNumber = (flag: string) => (value: string) => {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw invalid(flag, "a number", value);
};

/** Names separated by commas. */
export const nameList = (value: string): readonly string[] =>
  value
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

function invalid(flag: string, expected: string, found: string): RagError {
  return new RagError(
    "config/invalid",
    `--${flag}: expected ${expected}, found ${JSON.stringify(found)}; correct it.`,
  );
}
