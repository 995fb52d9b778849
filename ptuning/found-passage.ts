import { basename } from "node:path";
import type { PassageText } from "./prompt-layout.ts";
import type { QaPair } from "./qa-record.ts";

/** A passage as retrieval found it: what the model reads of it, and which document it is of. */
export interface FoundPassage extends PassageText {
  readonly documentId: string;
  /** Path or address of its file; of a line of a .jsonl `file.jsonl#id`. */
  readonly source: string;
}

/** What a file of questions or judgements may call the document of a passage. */
export function documentNames({
  documentId,
  source,
  title,
}: Omit<FoundPassage, "text">): readonly string[] {
  const fragment = source.slice(source.indexOf("#") + 1);
  const file = basename(source.replace(/#.*$/, ""));
  return [documentId, fragment, source, file, file.replace(/\.[^.]+$/, ""), title];
}

/** The passage (a line of a .jsonl, by its id) or document that a pair says its answer stands in. */
export const namedPassage = ({ passageId, document }: QaPair): string | undefined =>
  passageId ?? document;
