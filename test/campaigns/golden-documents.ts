import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Block, ParsedDocument } from "../../ingest/index.ts";
import { formatOf } from "../../ingest/readers/formats.ts";
import { ReaderProcess } from "../../ingest/readers/reader-process.ts";

const expectation = z.strictObject({
  title: z.string().optional(),
  /** Phrases that come one after the other; `kind` and `page` of the block they begin in. */
  inOrder: z.array(
    z.strictObject({
      text: z.string(),
      kind: z.enum(["heading", "paragraph", "table", "code"]).optional(),
      page: z.int().optional(),
    }),
  ),
  absent: z.array(z.string()).default([]),
});
type Expectation = z.infer<typeof expectation>;

/**
 * `node --import tsx test/campaigns/golden-documents.ts <folder> [expectations.json]`: reads real documents of a folder and looks for phrases a
 * person sees in them, in the order a person reads them.
 */
async function main(folder: string, file: string): Promise<number> {
  const all = z.record(z.string(), expectation).parse(JSON.parse(readFileSync(file, "utf8")));
  const reader = new ReaderProcess();
  let failed = 0;
  try {
    for (const [name, expected] of Object.entries(all)) {
      const problems = problemsOf(await read(reader, join(folder, name)), expected);
      failed += problems.length > 0 ? 1 : 0;
      const verdict = problems.length > 0 ? "FAIL" : "ok  ";
      print(`${verdict} ${name}: ${expected.inOrder.length} phrases in order`);
      for (const problem of problems) print(`     ${problem}`);
    }
  } finally {
    reader.close();
  }
  print(`${Object.keys(all).length - failed} of ${Object.keys(all).length} documents as expected`);
  return failed > 0 ? 1 : 0;
}

async function read(reader: ReaderProcess, path: string): Promise<ParsedDocument> {
  const format = formatOf(path);
  if (format === undefined || format === "jsonl") throw new Error(`${path}: is not read.`);
  return reader.read(path, format);
}

function problemsOf(document: ParsedDocument, { title, inOrder, absent }: Expectation): string[] {
  const { text, blocks } = document;
  const problems = absent.filter((phrase) => shownText(document).includes(phrase));
  const found = problems.map((phrase) => `found what should not be there: ${phrase}`);
  if (title !== undefined && document.title !== title) found.push(`title: ${document.title}`);
  let from = 0;
  for (const { text: phrase, kind, page } of inOrder) {
    const at = findFrom(document, phrase, { from, kind });
    const block = at === undefined ? undefined : blockAt(blocks, at);
    if (at === undefined || !block) {
      found.push(`${text.includes(phrase) ? "out of order" : "missing"}: ${phrase}`);
      continue;
    }
    from = at + phrase.length;
    if (page !== undefined && block.page !== page) found.push(`on page ${block.page}: ${phrase}`);
  }
  return found;
}

/** The next place of a phrase, in a block of a kind where one is asked for. */
function findFrom(
  { text, blocks }: ParsedDocument,
  phrase: string,
  { from, kind }: { readonly from: number; readonly kind: Block["kind"] | undefined },
): number | undefined {
  for (let at = text.indexOf(phrase, from); at >= 0; at = text.indexOf(phrase, at + 1)) {
    const block = blockAt(blocks, at);
    if (block && (kind === undefined || block.kind === kind)) return at;
  }
  return undefined;
}

const blockAt = (blocks: readonly Block[], at: number): Block | undefined =>
  blocks.find(({ start, end }) => start <= at && at < end);

const shownText = ({ text, blocks }: ParsedDocument): string =>
  blocks.map(({ start, end }) => text.slice(start, end)).join("\n");

const print = (line: string) => process.stdout.write(`${line}\n`);
const [folder, file = join(import.meta.dirname, "golden-documents.json")] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write("usage: golden-documents.ts <folder of documents> [expectations.json]\n");
  process.exitCode = 2;
} else {
  process.exitCode = await main(resolve(folder), resolve(file));
}
