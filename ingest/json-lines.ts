import { z } from "zod";
import { fileBytes } from "../core/index.ts";
import type { Metadata } from "../retriever/index.ts";
import { isWrittenOtherwise, losesDigits, numbersAsText } from "./readers/json-numbers.ts";
import { shortTitle } from "./readers/short-title.ts";
import { storedMetadata } from "./stored-metadata.ts";

/** A line of a .jsonl file: a document, or what is wrong with it. */
export type JsonLine =
  | { readonly number: number; readonly document: JsonDocument }
  | { readonly number: number; readonly problem: string };

export interface JsonDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly metadata: Metadata;
}

const MAX_LINE_CHARACTERS = 4_000_000;
/** Of a packed file: what a few bytes can pretend to hold has no end. */
const MAX_UNPACKED_BYTES = 4 * 2 ** 30;

const key = z.union([z.string().min(1).max(512), z.number()]);
const line = z.looseObject({
  id: key.optional(),
  _id: key.optional(),
  title: z.string().max(4096).nullish(),
  text: z.string(),
});

/**
 * Reads `{id, title, text}` a line, without ever holding the whole file. `_id` is taken as well (BEIR's corpora); other fields that
 * hold a text, number or truth value become metadata, but for those whose names begin with "$", which Foreword keeps for itself; a whole number of more digits than a number keeps becomes a text, and half a
 * character the sign for a broken one. A file that is named `.gz` is unpacked.
 * @throws RagError file/not-found, file/unreadable, file/invalid (broken gzip), file/too-large (more than 4 GiB unpacked)
 */
export async function* readJsonLines(path: string): AsyncGenerator<JsonLine> {
  let number = 0;
  for await (const text of boundedLines(textOf(path))) {
    number++;
    const own = text.replace(/^\ufeff/, "");
    if (own.trim() !== "") yield { number, ...parseLine(own) };
  }
}

const bytesOf = (path: string) =>
  fileBytes(path, { maxBytes: /\.gz$/i.test(path) ? MAX_UNPACKED_BYTES : Number.MAX_SAFE_INTEGER });

async function* textOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const bytes of bytesOf(path)) yield decoder.decode(bytes, { stream: true });
  yield decoder.decode();
}

/** Lines of a stream. Of one that is too long only as much is kept as shows that it is. */
async function* boundedLines(stream: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const part of stream) {
    const lines = part.split("\n");
    for (const [index, line] of lines.entries()) {
      if (rest.length <= MAX_LINE_CHARACTERS) rest += line;
      if (index === lines.length - 1) continue;
      yield rest.replace(/\r$/, "");
      rest = "";
    }
  }
  yield rest;
}

/** How many lines a file has, by counting line feeds. @throws RagError as {@link readJsonLines} */
export async function countLines(path: string): Promise<number> {
  let count = 0;
  for await (const bytes of bytesOf(path)) {
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  }
  return count;
}

function parseLine(text: string): { document: JsonDocument } | { problem: string } {
  if (text.length > MAX_LINE_CHARACTERS) {
    return { problem: `is longer than ${MAX_LINE_CHARACTERS} characters; split it.` };
  }
  let raw: unknown;
  try {
    raw = JSON.parse(numbersAsText(text, losesDigits));
  } catch {
    return { problem: 'is not JSON; expected {"id", "title", "text"} on each line.' };
  }
  const result = line.safeParse(raw);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    return {
      problem: `${issue.path.join(".") || "the line"}: ${issue.message}; expected {"id", "title", "text"}.`,
    };
  }
  const { id, _id, title, text: body, ...rest } = result.data;
  const name = id ?? _id;
  if (name === undefined) return { problem: 'has no "id"; each line needs one of its own.' };
  if (body.trim() === "") return { problem: "its text is empty." };
  const own = typeof name === "number" ? numberId(text) : name;
  // The store would keep it as another text, and find it again under none.
  if (/\p{Surrogate}/u.test(own)) {
    return { problem: 'half a character stands in its "id"; write it whole or leave it out.' };
  }
  const document = {
    id: own,
    title: shortTitle((title ?? "").toWellFormed()),
    text: body.toWellFormed(),
    metadata: storedMetadata(Object.entries(rest)),
  };
  return { document };
}

/** The id of a line that has a number for one, by its digits: 1.10 and 1.1 are two. */
function numberId(text: string): string {
  const { id, _id } = line.parse(JSON.parse(numbersAsText(text, isWrittenOtherwise)));
  return String(id ?? _id);
}
