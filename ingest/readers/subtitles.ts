import type { ParsedDocument } from "./parsed-document.ts";
import { parsePlainText } from "./plain-text.ts";

/** Subtitles (.srt): what is said, without numbers, times and marks of style. */
export async function parseSubtitles(text: string): Promise<ParsedDocument> {
  // Few files are subtitles, and every reading process would load it.
  const { SRTLoader } = await import("@langchain/community/document_loaders/fs/srt");
  const documents = await new SRTLoader(new Blob([text])).load();
  const spoken = documents.map(({ pageContent }) => pageContent.replace(/<[^>\n]{1,80}>/g, ""));
  return parsePlainText(spoken.join("\n\n"));
}
