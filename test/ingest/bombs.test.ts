import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { strToU8, zipSync } from "fflate";
import { ingest } from "../../ingest/index.ts";
import { openTestStore } from "../retriever/store.ts";

const CONTENT_TYPES = "[Content_Types].xml";
const WORD_TYPE =
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";

/** A Word file around the bytes of its document. */
const word = (document: Uint8Array) =>
  zipSync({
    [CONTENT_TYPES]: strToU8(
      `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="${WORD_TYPE}"/></Types>`,
    ),
    "_rels/.rels": strToU8(
      '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
    ),
    "word/document.xml": document,
  });

/** A PDF of one page whose content is the given stream. `trailer`: more entries of it. */
function pdf(stream: Uint8Array, filter: string, trailer = ""): Buffer {
  const head = Buffer.from(
    `%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R>> endobj\n4 0 obj <</Length ${stream.length} /Filter ${filter}>> stream\n`,
  );
  const tail = Buffer.from(`\nendstream endobj\ntrailer <</Root 1 0 R ${trailer}>>\n%%EOF`);
  return Buffer.concat([head, stream, tail]);
}

/** A quarter of a gigabyte of spaces, packed. */
const packed = deflateSync(Buffer.alloc(2 ** 28, " "), { level: 1 });
const key = createHash("sha256").update("key").digest("hex");

/** A zip archive that says of its first file that it is encrypted. */
function encryptedZip(): Uint8Array {
  const zip = Buffer.from(word(strToU8("<w/>")));
  for (const [mark, at] of [
    ["PK\u0003\u0004", 6],
    ["PK\u0001\u0002", 8],
  ] as const) {
    for (let i = zip.indexOf(mark, 0, "latin1"); i >= 0; i = zip.indexOf(mark, i + 4, "latin1")) {
      zip.writeUInt16LE(zip.readUInt16LE(i + at) | 1, i + at);
    }
  }
  return zip;
}

/** One that unpacks to more than its directory says. */
function lyingZip(): Uint8Array {
  const zip = Buffer.from(word(new Uint8Array(30_000_000).fill(32)));
  const name = zip.lastIndexOf("word/document.xml", undefined, "latin1");
  zip.writeUInt32LE(100, zip.lastIndexOf("PK\u0001\u0002", name, "latin1") + 24);
  return zip;
}

const bombs: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["huge.docx", word(new Uint8Array(300_000_000).fill(32))],
  ["lying.docx", lyingZip()],
  [
    "many.epub",
    zipSync(
      Object.fromEntries(Array.from({ length: 12_000 }, (_, i) => [`f${i}`, new Uint8Array(0)])),
    ),
  ],
  ["stream.pdf", pdf(packed, "/FlateDecode")],
  ["twice.pdf", pdf(deflateSync(packed), "[/FlateDecode /FlateDecode]")],
  [
    "locked.pdf",
    pdf(
      deflateSync(Buffer.from("x")),
      "/FlateDecode",
      `/ID [<00><00>] /Encrypt <</Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <${key}> /U <${key}>>>`,
    ),
  ],
  ["encrypted.docx", encryptedZip()],
  ["deep.json", strToU8("[".repeat(2_000_000))],
  ["wide.rtf", strToU8(`{\\rtf1 {\\bin2000000000 }${"{".repeat(500_000)}`)],
  ["picture.docx", Buffer.from("\x89PNG\r\n\x1a\n....", "latin1")],
  ["archive.md", zipSync({ a: strToU8("x") })],
  ["nothing.xlsx", new Uint8Array(0)],
];

test("bombs, encrypted files and false names are each named, and the others are taken", async (t) => {
  const store = await openTestStore();
  const root = await mkdtemp(join(tmpdir(), "foreword-bombs-"));
  t.after(async () => {
    await store.close();
    await rm(root, { recursive: true, force: true });
  });
  await mkdir(join(root, "in"));
  for (const [name, bytes] of bombs) await writeFile(join(root, "in", name), bytes);
  await writeFile(join(root, "in", "a-good.md"), "# Good\n\nBefore them all.");
  await writeFile(join(root, "in", "zz-good.md"), "# Good\n\nAfter them all.");
  const { documents } = await ingest({
    paths: ["in"],
    root,
    corpus: store.corpus,
    embedder: store.embedder,
    storeFolder: store.folder,
  });
  assert.equal(documents.added, 2);
  assert.deepEqual(
    documents.failed.map(({ source }) => source).sort(),
    bombs.map(([name]) => `in/${name}`).sort(),
    JSON.stringify(documents.failed, null, 1),
  );
  const reason = (name: string) =>
    documents.failed.find(({ source }) => source === `in/${name}`)!.reason;
  assert.match(reason("huge.docx"), /unpacks to/);
  assert.match(reason("many.epub"), /unpacks to 12000 files/);
  assert.match(reason("locked.pdf"), /encrypted|password/);
  assert.match(reason("picture.docx"), /is a PNG picture although/);
  assert.match(reason("archive.md"), /is a zip archive/);
  assert.match(reason("nothing.xlsx"), /is empty/);
});
