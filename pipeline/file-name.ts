import { z } from "zod";
import { isPlainFileName } from "../core/index.ts";

/** Disks count bytes, and take 255: some are left for the endings of temporary files. */
const MAX_BYTES = 230;

/** The name of a file that someone else named. */
export const fileName = z
  .string()
  .min(1)
  .refine(
    (name) => Buffer.byteLength(name) <= MAX_BYTES,
    `expected at most ${MAX_BYTES} bytes in UTF-8; shorten the name`,
  )
  .refine(isPlainFileName, "expected a plain file name without folders or reserved characters");
