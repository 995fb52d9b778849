import { isFromProgram, type NewChunk, type NewDocument } from "../retriever/index.ts";

/**
 * What the embedder sees of a chunk: where it stands says much about what it is about. Documents of programs are embedded as
 * they are, as those programs do.
 */
export function embeddedText(
  document: Pick<NewDocument, "title" | "metadata">,
  { heading, text }: Pick<NewChunk, "heading" | "text">,
): string {
  if (isFromProgram(document)) return text;
  const { title } = document;
  const place = [title, ...heading.filter((one) => one !== title)].filter((one) => one !== "");
  return place.length === 0 ? text : `${place.join(" > ")}\n${text}`;
}
