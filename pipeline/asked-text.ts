import { RagError } from "../core/index.ts";

/** A question or query of the command line. @throws RagError config/invalid when it is blank */
export function askedText(text: string): string {
  if (text.trim() !== "") return text;
  throw new RagError(
    "config/invalid",
    "question: it is empty; write it as one argument in quotes.",
  );
}
