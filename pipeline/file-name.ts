import { z } from "zod";

/** Disks count bytes, and take 255: some are left for the endings of temporary files. */
const MAX_BYTES = 230;

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
  .refine(
    (name) => Buffer.byteLength(name) <= MAX_BYTES,
    `expected at most ${MAX_BYTES} bytes in UTF-8; shorten the name`,
  )
  .refine(isPlainFileName, "expected a plain file name without folders or reserved characters");
