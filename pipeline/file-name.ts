import { z } from "zod";

const MAX_CHARACTERS = 200;

/** Whether a name is a plain file's on every system: no folder, nothing hidden, no reserved character. */
function isPlainFileName(name: string): boolean {
  return (
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    !/[/\\<>:"|?*\u0000-\u001f\u007f]/.test(name) &&
    !/^\.|[. ]$|^\s/.test(name) &&
    !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)
  );
}

/** The name of a file that someone else named. */
export const fileName = z
  .string()
  .min(1)
  .max(MAX_CHARACTERS)
  .refine(isPlainFileName, "expected a plain file name without folders or reserved characters");
