import { basename } from "node:path";
import { RagError, readWholeFile, sha256 } from "../core/index.ts";
import { type QaPair, type QaProblem, toQaPair } from "./qa-record.ts";
import { readSquad } from "./squad-json.ts";

export interface QaFile {
  /** Each with an answer at least. */
  readonly pairs: readonly QaPair[];
  /** Entries that cannot be used: where ("line 12", "entry 3") and why. At most 5% of the file. */
  readonly skipped: readonly { readonly where: string; readonly problem: string }[];
  /** Questions that have no answer on purpose (SQuAD 2.0); not among `pairs`. */
  readonly unanswerable: readonly QaPair[];
  /** sha256 of the uncompressed content. */
  readonly hash: string;
}

/** SQuAD's training file, the largest common one, has 42 MB. */
const MAX_FILE_BYTES = 256 * 2 ** 20;
const MAX_LINE_BYTES = 2 ** 20;
/** Of the entries of a file. */
export const MAX_SKIPPED_SHARE = 0.05;
/** How many of the skipped ones an error names. */
export const NAMED_PROBLEMS = 3;
const NEWLINE = 0x0a;

/**
 * Reads question-answer pairs: JSONL `{id, question, answers, passageId?, document?}`, FlashRAG JSONL
 * (`golden_answers`), SQuAD v1/v2 JSON, or a JSON list of such records; `.gz` as well.
 * @throws RagError file/not-found, file/unreadable, file/too-large, file/invalid (broken gzip);
 * qa/invalid when more than 5% of the entries cannot be used or none can
 */
export async function readQaFile(path: string, signal?: AbortSignal): Promise<QaFile> {
  const name = basename(path);
  const bytes = await readWholeFile(path, { maxBytes: MAX_FILE_BYTES, signal });
  const entries = parseWhole(bytes, name) ?? parseLines(bytes);
  return { ...sortEntries(entries, name), hash: sha256(bytes) };
}

interface Entry {
  readonly where: string;
  readonly entry: QaPair | QaProblem;
}

function sortEntries(entries: readonly Entry[], name: string): Omit<QaFile, "hash"> {
  const pairs: QaPair[] = [];
  const skipped: { where: string; problem: string }[] = [];
  const unanswerable: QaPair[] = [];
  for (const { where, entry } of entries) {
    if ("problem" in entry) skipped.push({ where, problem: entry.problem });
    else if (entry.answers.length === 0) unanswerable.push(entry);
    else pairs.push(entry);
  }
  const reasons = skipped
    .slice(0, NAMED_PROBLEMS)
    .map(({ where, problem }) => `${where}: ${problem}`)
    .join("; ");
  if (skipped.length > entries.length * MAX_SKIPPED_SHARE) {
    throw new RagError(
      "qa/invalid",
      `${name}: ${skipped.length} of ${entries.length} entries are not {"question", "answers"} (${reasons}); correct the file, at most 5% may be skipped.`,
    );
  }
  if (pairs.length === 0) {
    throw new RagError(
      "qa/invalid",
      `${name}: there is no question with an answer; expected one {"id", "question", "answers": [...]} per line.`,
    );
  }
  return { pairs, skipped, unanswerable };
}

/** A `.json` file as one value; undefined when its name or content says that it is JSON lines. */
function parseWhole(bytes: Buffer, name: string): readonly Entry[] | undefined {
  if (!/\.json(\.gz)?$/i.test(name)) return undefined;
  const value = parseJson(bytes);
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => ({
      where: `entry ${index + 1}`,
      entry: toQaPair(item, `entry-${index + 1}`),
    }));
  }
  return readSquad(value)?.map((entry, index) => ({ where: `question ${index + 1}`, entry }));
}

function parseLines(bytes: Buffer): readonly Entry[] {
  const entries: Entry[] = [];
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    const entry = parseLine(bytes.subarray(start, end), line);
    if (entry !== undefined) entries.push({ where: `line ${line}`, entry });
    start = end + 1;
  }
  return entries;
}

function parseLine(bytes: Buffer, line: number): QaPair | QaProblem | undefined {
  if (bytes.length > MAX_LINE_BYTES) return { problem: "longer than 1 MB" };
  if (bytes.every((byte) => byte <= 0x20)) return undefined; // blank
  const value = parseJson(bytes);
  return value === undefined ? { problem: "not JSON in UTF-8" } : toQaPair(value, `line-${line}`);
}

/** The JSON value of UTF-8 bytes (a byte order mark is dropped), or undefined. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
