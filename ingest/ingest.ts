import { readFile, stat } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import {
  errorMessage,
  isForbidden,
  RagError,
  sha256,
  sha256File,
  systemCode,
} from "../core/index.ts";
import {
  type Corpus,
  type DocumentRecord,
  type Embedder,
  type Filter,
  isFromProgram,
  type NewChunk,
  type NewDocument,
  renewSavedIndex,
  withStoreLock,
} from "../retriever/index.ts";
import { type Cutting, cutDocument, cuttingName } from "./chunks/cut-document.ts";
import { isShortEnough } from "./chunks/split-block.ts";
import { type ChunkedDocument, DocumentWriter } from "./document-writer.ts";
import { type FoundFile, findFiles } from "./find-files.ts";
import { type Absence, absenceBelow, hasMovedTo } from "./gone-documents.ts";
import { countLines, type JsonDocument, readJsonLines } from "./json-lines.ts";
import { isFromLoader } from "./loaders/loaded-document.ts";
import { requireReadableSize } from "./readers/file-size.ts";
import { type Format, formatOf, READ_EXTENSIONS } from "./readers/formats.ts";
import { ReaderProcess } from "./readers/reader-process.ts";
import { realPath } from "./real-path.ts";
import { type DocumentChange, type FailedDocument, type IngestSummary, Tally } from "./tally.ts";

export interface IngestOptions extends Cutting {
  /** Files, folders and globs. */
  readonly paths: readonly string[];
  readonly corpus: Corpus;
  readonly embedder: Embedder;
  readonly storeFolder: string;
  /** What sources are relative to, and globs start from. */
  readonly root: string;
  /** Begins every source, for files that are not named relative to where commands run. */
  readonly origin?: string;
  /** A name for what is ingested, to search in it alone. */
  readonly collection?: string | undefined;
  /** Removes documents whose files are gone from below the given paths; only those that were ingested from the same root. */
  readonly prune?: boolean;
  /** Asked when files were found gone, before documents are removed: false where a whole folder has vanished meanwhile. */
  readonly isPlaceThere?: () => boolean;
  /** Reads and counts as ever, but writes nothing and embeds nothing. */
  readonly dryRun?: boolean;
  /** How long to wait for another writer of the store, in milliseconds; 0 (the default) fails at once. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: IngestProgress) => void;
  /** Called for each document when its change is in the store for good, and for each that is refused. */
  readonly onChange?: (change: DocumentChange) => void;
}

export interface IngestProgress {
  readonly done: number;
  /** Documents: files, and lines of .jsonl files. */
  readonly total: number;
  readonly source: string;
}

/** Part of every document's hash: raised when readers or chunker change what they make of a file, so that it is read again. */
const READING_VERSION = 6;
/** How many bad lines of one file are named one by one. */
const MAX_NAMED_LINES = 20;
const SMALL_FILE_BYTES = 2 ** 20;
/** A .jsonl passage is kept whole up to this many tokens, and eight times as many characters: whoever made it has cut it already. */
const MAX_PASSAGE_TOKENS = 480;

/**
 * Brings documents of a store in line with files: adds, replaces and skips what has not changed. What cannot be read is named and
 * leaves its former version in place. Documents are stored in batches, each whole or not at all; running it again goes on where
 * it was stopped.
 * @throws RagError file/not-found when none of the paths exists, file/locked while another ingest uses the store
 */
export function ingest(options: IngestOptions): Promise<IngestSummary> {
  const { storeFolder, signal, waitMs, dryRun } = options;
  if (dryRun) return new IngestJob(options).run();
  const lock = { job: "ingest", signal, ...(waitMs === undefined ? {} : { waitMs }) };
  return withStoreLock(storeFolder, lock, () => new IngestJob(options).run());
}

class IngestJob {
  readonly #options: IngestOptions;
  readonly #reader = new ReaderProcess();
  readonly #writer: DocumentWriter;
  readonly #tally: Tally;
  readonly #known: ReadonlySet<string>;
  /** Of every document; none where files are not named relative to where commands run. */
  readonly #root: string | undefined;
  /** What all documents of the run have alike. */
  readonly #shared: { readonly collection?: string; readonly root?: string };
  /** Begins every document's hash: what is read differently, or goes elsewhere, has changed. */
  readonly #hashPrefix: string;
  /** Unchanged documents whose files are below another root than before. */
  readonly #moved: string[] = [];
  #done = 0;
  #total = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#tally = new Tally(options.onChange);
    this.#root = options.origin === undefined ? realPath(options.root) : undefined;
    this.#shared = {
      ...(options.collection ? { collection: options.collection } : {}),
      ...(this.#root === undefined ? {} : { root: this.#root }),
    };
    this.#hashPrefix = `${READING_VERSION}:${options.collection ?? ""}:${cuttingName(options, options.embedder)}`;
    this.#known = new Set([...options.corpus.documents()].map(({ id }) => id));
    this.#writer = new DocumentWriter({
      corpus: options.corpus,
      embedder: options.embedder,
      signal: options.signal,
      onStored: (documents) => this.#count(documents),
    });
  }

  async run(): Promise<IngestSummary> {
    const files = await this.#find();
    try {
      for (const file of files) await this.#ingestFile(file);
      await this.#writer.finish();
    } finally {
      this.#reader.close();
      await this.#writer.abandon();
    }
    this.#noteMoved();
    if (this.#options.prune) this.#prune();
    const { dryRun, storeFolder, corpus, embedder } = this.#options;
    if (!dryRun) await renewSavedIndex(storeFolder, { corpus, embedder });
    return this.#tally.summary();
  }

  async #find(): Promise<readonly FoundFile[]> {
    const { paths, root, storeFolder, prune, origin } = this.#options;
    const { files, missing, refused } = await findFiles(paths, {
      root,
      without: resolve(root, storeFolder),
      origin,
    });
    for (const { source, reason } of refused) this.#tally.failed(source, reason);
    for (const path of missing) {
      if (prune && this.#holdsBelow(path)) continue;
      this.#tally.failed(path, "there is no such file or folder; check the path.");
    }
    if (
      files.length === 0 &&
      this.#tally.failures - refused.length === missing.length &&
      missing.length > 0
    ) {
      throw new RagError(
        "file/not-found",
        `${missing.join(", ")}: there is no such file or folder; check the path.`,
      );
    }
    for (const file of files) {
      this.#total += formatOf(file.path) === "jsonl" ? await this.#lines(file) : 1;
    }
    return files;
  }

  /** A file that cannot even be counted is named when its turn comes. */
  async #lines({ path }: FoundFile): Promise<number> {
    try {
      return await countLines(path);
    } catch (cause) {
      if (!(cause instanceof RagError)) throw cause;
      return 1;
    }
  }

  async #ingestFile(file: FoundFile): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#writer.throwIfFailed();
    const format = formatOf(file.path);
    try {
      if (format === "jsonl") await this.#ingestJsonLines(file);
      else if (format === undefined) this.#refuse(file);
      else await this.#ingestDocument(file, format);
    } catch (thrown) {
      this.#options.signal?.throwIfAborted();
      this.#writer.throwIfFailed();
      this.#tally.failed(file.source, reasonOf(thrown));
    }
    if (format !== "jsonl") this.#progress(file.source);
  }

  #refuse({ path, source }: FoundFile): void {
    const extension = extname(path) || "files without an extension";
    this.#tally.failed(source, `${extension} is not read; what is: ${READ_EXTENSIONS.join(" ")}.`);
  }

  async #ingestDocument({ path, source }: FoundFile, format: Format): Promise<void> {
    const hash = `${this.#hashPrefix}${await this.#hashFile(path)}`;
    if (this.#isUnchanged(source, hash)) return;
    const parsed = await this.#reader.read(path, format, this.#options.signal);
    const title = parsed.title || basename(path, extname(path));
    const chunks = await cutDocument(parsed, this.#options.embedder, this.#options);
    const document = {
      id: source,
      source,
      title,
      format,
      ...this.#shared,
      hash,
      text: parsed.text,
      metadata: {},
    };
    await this.#add({ document, chunks });
  }

  /** Small files, of which folders are full, are read at once: opening a stream takes longer than hashing them. */
  async #hashFile(path: string): Promise<string> {
    const { size } = await stat(path);
    requireReadableSize(size);
    return size <= SMALL_FILE_BYTES ? sha256(await readFile(path)) : sha256File(path);
  }

  /** Lines are documents `file#id`; those of an earlier version of the file that it no longer has are removed. */
  async #ingestJsonLines({ path, source }: FoundFile): Promise<void> {
    const seen = new Set<string>();
    const problems: FailedDocument[] = [];
    for await (const line of readJsonLines(path)) {
      this.#options.signal?.throwIfAborted();
      const id = "document" in line ? `${source}#${line.document.id}` : undefined;
      if ("problem" in line) problems.push(problemAt(source, line.number, line.problem));
      else if (seen.has(id!)) problems.push(problemAt(source, line.number, REPEATED));
      else await this.#ingestLine(id!, line.document);
      if (id !== undefined) seen.add(id);
      this.#progress(source);
    }
    if (seen.size === 0 && problems.length === 0) problems.push({ source, reason: "is empty." });
    for (const problem of problems.slice(0, MAX_NAMED_LINES)) {
      this.#tally.failed(problem.source, problem.reason);
    }
    const unnamed = problems.length - MAX_NAMED_LINES;
    if (unnamed > 0) this.#tally.failed(source, `${unnamed} more lines cannot be read.`, unnamed);
    // A broken line may be one of those that seem gone.
    if (problems.length === 0) this.#removeWhere((id) => !seen.has(id), linesOf(source));
  }

  async #ingestLine(id: string, { title, text, metadata }: JsonDocument): Promise<void> {
    const hash = `${this.#hashPrefix}${sha256(JSON.stringify([title, text, metadata]))}`;
    if (this.#isUnchanged(id, hash)) return;
    const document = {
      id,
      source: id,
      title,
      format: "jsonl",
      ...this.#shared,
      hash,
      text,
      metadata,
    };
    await this.#add({ document, chunks: await this.#passageChunks(document) });
  }

  async #passageChunks({ title, text }: NewDocument): Promise<NewChunk[]> {
    const { embedder, overlap } = this.#options;
    const whole = { start: 0, end: text.length };
    const isPassage =
      isShortEnough(text.length, MAX_PASSAGE_TOKENS) &&
      embedder.countTokens(text) <= MAX_PASSAGE_TOKENS;
    if (isPassage) return [{ ...whole, heading: [], text }];
    const document = { title, text, blocks: [{ kind: "paragraph" as const, ...whole }] };
    return cutDocument(document, embedder, { overlap });
  }

  #isUnchanged(id: string, hash: string): boolean {
    const stored = this.#known.has(id) ? this.#options.corpus.document(id) : undefined;
    if (stored?.hash !== hash) return false;
    this.#tally.unchanged();
    if (this.#root !== undefined && hasMovedTo(this.#root, stored)) this.#moved.push(id);
    return true;
  }

  async #add(document: ChunkedDocument): Promise<void> {
    if (this.#options.dryRun) this.#count([document]);
    else await this.#writer.add(document);
  }

  #count(documents: readonly ChunkedDocument[]): void {
    for (const { document, chunks } of documents) {
      const kind = this.#known.has(document.id) ? "updated" : "added";
      this.#tally.stored(kind, document.id, chunks.length);
    }
  }

  #progress(source: string): void {
    this.#done++;
    this.#options.onProgress?.({
      done: this.#done,
      total: Math.max(this.#total, this.#done),
      source,
    });
  }

  #holdsBelow(path: string): boolean {
    return [...this.#absentBelow([path]).values()].includes("gone");
  }

  #noteMoved(): void {
    const { corpus, dryRun } = this.#options;
    if (!dryRun && this.#root !== undefined) corpus.moveToRoot(this.#moved, this.#root);
  }

  #prune(): void {
    const absent = this.#absentBelow(this.#options.paths);
    if (this.#options.isPlaceThere?.() === false) return;
    this.#removeWhere((id) => absent.get(id) === "gone");
    this.#tally.kept([...absent.values()].filter((absence) => absence === "stranded").length);
  }

  /** Documents that were read from files which are not there, by their ids. */
  #absentBelow(paths: readonly string[]): ReadonlyMap<string, Absence> {
    const absenceOf = absenceBelow(paths, this.#options.root);
    const absent = new Map<string, Absence>();
    for (const document of this.#ofFiles()) {
      const absence = absenceOf(document);
      if (absence !== undefined) absent.set(document.id, absence);
    }
    return absent;
  }

  /** Removes documents that were read from files. `among`: a filter, to look through these only. */
  #removeWhere(isWanted: (id: string) => boolean, among: Filter = {}): void {
    const { corpus, dryRun } = this.#options;
    const wanted = () => Array.from(this.#ofFiles(among), ({ id }) => id).filter(isWanted);
    const removed = dryRun
      ? wanted()
      : corpus.transaction(() => wanted().filter((id) => corpus.removeDocument(id)));
    for (const id of removed) this.#tally.removed(id);
  }

  /** The documents that were read from files. A loader names its sources as it likes, and removes its own; so does a program. */
  *#ofFiles(among: Filter = {}): Generator<DocumentRecord> {
    for (const document of this.#options.corpus.documents(among)) {
      if (!isFromProgram(document) && !isFromLoader(document)) yield document;
    }
  }
}

const REPEATED = 'repeats the "id" of an earlier line; each line needs one of its own.';

/** The documents that lines of a file have become: ids from `source#` on, before the character that follows "#". */
const linesOf = (source: string): Filter => ({
  format: "jsonl",
  document: { gte: `${source}#`, lt: `${source}$` },
});

function problemAt(source: string, line: number, problem: string): FailedDocument {
  return { source: `${source}:${line}`, reason: problem };
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof RagError) return thrown.message;
  const code = systemCode(thrown);
  if (isForbidden(thrown)) return "may not be read; check its permissions.";
  if (code === "ENOENT") return "has gone since it was found.";
  return code === undefined ? errorMessage(thrown) : `cannot be read (${code}).`;
}
