import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { strToU8, zipSync } from "fflate";
import type { ParsedDocument } from "../../ingest/index.ts";
import type { Format } from "../../ingest/readers/formats.ts";
import { ReaderProcess } from "../../ingest/readers/reader-process.ts";

const documents = join(import.meta.dirname, "..", "..", "demo", "documents");
const headings = ({ text, blocks }: ParsedDocument) =>
  blocks.flatMap(({ kind, start, end, level }) =>
    kind === "heading" ? [`${level} ${text.slice(start, end)}`] : [],
  );

describe("files are read in a process of their own", () => {
  let folder: string;
  let reader: ReaderProcess;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-readers-"));
    reader = new ReaderProcess();
  });
  after(async () => {
    reader.close();
    await rm(folder, { recursive: true, force: true });
  });
  const demo = (name: string, format: Format) => reader.read(join(documents, name), format);
  const own = async (name: string, content: string | Uint8Array, format: Format) => {
    const path = join(folder, name);
    await writeFile(path, content);
    return reader.read(path, format);
  };

  test("PDF: title, headings by size, pages, no page numbers", async () => {
    const pdf = await demo("caddow-railway.pdf", "pdf");
    assert.equal(pdf.title, "The Caddow Railway");
    assert.deepEqual(headings(pdf).slice(0, 3), [
      "1 The Caddow Railway",
      "2 Building the line",
      "2 Engines",
    ]);
    assert.deepEqual([...new Set(pdf.blocks.map(({ page }) => page))], [1, 2]);
    assert.match(pdf.text, /climbs from Port Ansel to Caddowfoot\. It is 31 kilometres long/);
    assert.doesNotMatch(pdf.text, /page 1|1 of 2/i);
  });

  test("Word: headings by style, lists and tables", async () => {
    const word = await demo("census-2016.docx", "docx");
    assert.equal(word.title, "The census of 2016");
    assert.ok(headings(word).some((one) => one.endsWith("Results by island")));
    const table = word.blocks.find(({ kind }) => kind === "table")!;
    assert.match(
      word.text.slice(table.start, table.end),
      /^Island \| Population \| Area in square km\nGreat Halm \| 46,120 \| 412\n/,
    );
  });

  test("HTML: the readable part without navigation, scripts and footers", async () => {
    const page = await demo("cobb-lighthouse.html", "html");
    assert.equal(page.title, "Cobb Lighthouse");
    assert.match(page.text, /Cobb Lighthouse is a tapering tower of 38 metres/);
    assert.doesNotMatch(page.text, /cookie|subscribe|<\w|function\s*\(/i);
  });

  test("HTML: lists, code, line breaks and entities; scripts and styles are never text", async () => {
    const page = await own(
      "a.html",
      "<html><head><title>Tide &amp; time</title><style>p{}</style></head><body><nav>Menu</nav><h1>Tides</h1><p>High<br>water</p><ul><li>one<ul><li>two</li></ul></li></ul><pre>a\n  b</pre><script>alert(1)</script><p hidden>x</p></body></html>",
      "html",
    );
    assert.equal(page.title, "Tides");
    assert.equal(page.text, "Tides\n\nHigh\nwater\n\n- one\n  - two\n\na\n  b");
  });

  test("EPUB: empty elements hold nothing, and an address that is none spoils no book", async () => {
    const book = zipSync({
      "META-INF/container.xml": strToU8(
        '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>',
      ),
      "book.opf": strToU8(
        '<package><manifest><item id="a" href="a.xhtml"/><item id="i" href="100%.png"/></manifest><spine><itemref idref="a"/></spine></package>',
      ),
      "a.xhtml": strToU8(
        '<html><body><p>One<a id="x"/><br/>and</p><script src="s.js"/><p>two</p><iframe src="f"/><textarea/><p>three</p></body></html>',
      ),
    });
    assert.equal((await own("empty.epub", book, "epub")).text, "One\nand\n\ntwo\n\nthree");
  });

  test("HTML: a mark that says UTF-8 overrules the encoding that the page names", async () => {
    const html =
      '\ufeff<html><head><meta charset="iso-8859-1"></head><body><p>Grüße, Café</p></body></html>';
    assert.equal((await own("mark.html", html, "html")).text, "Grüße, Café");
  });

  test("Windows-1252 keeps its quotes and signs in mails and in pages that call it ISO-8859-1", async () => {
    const mail =
      "Subject: =?iso-8859-1?Q?5_=80?=\r\nContent-Type: text/plain; charset=windows-1252\r\n\r\nIt\x92s 5 \x80\r\n";
    const read = await own("quotes.eml", Buffer.from(mail, "latin1"), "email");
    assert.equal(read.text, "5 €\n\nIt’s 5 €");
    const html =
      '<html><head><meta charset="iso-8859-1"></head><body><p>It\x92s 5 \x80</p></body></html>';
    const page = await own("quotes.html", Buffer.from(html, "latin1"), "html");
    assert.equal(page.text, "It’s 5 €");
  });

  test("EPUB: the spine in order, the book's title, no table of contents", async () => {
    const chapter = (name: string) =>
      strToU8(`<html><body><h1>${name}</h1><p>It was late.</p></body></html>`);
    const book = zipSync({
      mimetype: strToU8("application/epub+zip"),
      "META-INF/container.xml": strToU8(
        '<container><rootfiles><rootfile full-path="in/book.opf"/></rootfiles></container>',
      ),
      "in/book.opf": strToU8(
        '<package><metadata><dc:title>The Keeper</dc:title></metadata><manifest><item id="b" href="two.xhtml"/><item id="a" href="one%20a.xhtml"/><item id="n" href="nav.xhtml" properties="nav"/></manifest><spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>',
      ),
      "in/one a.xhtml": chapter("First"),
      "in/two.xhtml": chapter("Second"),
      "in/nav.xhtml": chapter("Contents"),
    });
    const parsed = await own("book.epub", book, "epub");
    assert.equal(parsed.title, "The Keeper");
    assert.deepEqual(headings(parsed), ["1 First", "1 Second"]);
  });

  test("EPUB: names with prefixes, and text that is marked as no markup", async () => {
    const book = zipSync({
      "META-INF/container.xml": strToU8(
        '<c:container xmlns:c="urn:c"><c:rootfiles><c:rootfile full-path="book.opf"/></c:rootfiles></c:container>',
      ),
      "book.opf": strToU8(
        '<opf:package><opf:metadata><dc:title>The\n Keeper</dc:title><dc:title>Part One</dc:title></opf:metadata><opf:manifest><opf:item id="a" href="a.xhtml"/></opf:manifest><opf:spine><opf:itemref idref="a"/></opf:spine></opf:package>',
      ),
      "a.xhtml": strToU8(
        "<html><body><p>a <![CDATA[x < y && <b/>]]> b</p><p>c ]]> <![CDATA[ d</p></body></html>",
      ),
    });
    const parsed = await own("prefixed.epub", book, "epub");
    assert.equal(parsed.title, "The Keeper");
    assert.match(parsed.text, /^a x < y && <b\/> b\n\nc \]\]>/);
  });

  test("Markdown: both kinds of headings, fences, front matter; offsets are the file's", async () => {
    const text =
      "---\ntitle: 'Own title'\n---\n# One\n\ntext\n\nTwo\n---\n\n```\n# no heading\n```\n";
    const parsed = await own("a.md", text, "markdown");
    assert.equal(parsed.title, "Own title");
    assert.equal(parsed.text, text);
    assert.deepEqual(headings(parsed), ["1 # One", "2 Two\n---"]);
    assert.equal(parsed.blocks.at(-1)?.kind, "code");
  });

  test("reStructuredText: levels by order of appearance", async () => {
    const text =
      "=====\nGuide\n=====\n\nIntro.\n\nSetup\n-----\n\nDo it.\n\nDeeper\n~~~~~~\n\nMore.\n";
    const parsed = await own("a.rst", text, "rst");
    assert.deepEqual(headings(parsed), ["1 Guide", "2 Setup", "3 Deeper"]);
    assert.equal(parsed.title, "Guide");
  });

  test("text: UTF-8 with mark, UTF-16, Windows-1252, any line ends", async () => {
    const text = "Café\r\nnaïve\r\n\r\nzwei";
    const utf16 = Buffer.from(`\ufeff${text}`, "utf16le");
    for (const bytes of [Buffer.from(`\ufeff${text}`), utf16, Buffer.from(text, "latin1")]) {
      const parsed = await own("a.txt", bytes, "text");
      assert.equal(parsed.text, "Café\nnaïve\n\nzwei");
      assert.equal(parsed.blocks.length, 2);
    }
  });

  const refused: readonly (readonly [
    what: string,
    name: string,
    Format,
    content: string | Uint8Array,
    message: RegExp,
  ])[] = [
    ["an empty file", "a.txt", "text", "", /^is empty\.$/],
    ["a file of white space", "b.md", "markdown", " \n\n ", /^holds no text\.$/],
    ["binary data", "c.txt", "text", new Uint8Array([65, 0, 1, 2, 3]), /is not text but binary/],
    [
      "a picture named .pdf",
      "d.pdf",
      "pdf",
      Buffer.from("\x89PNG\r\n\x1a\n....", "latin1"),
      /is a PNG picture although its name says pdf/,
    ],
    ["a PDF named .txt", "e.txt", "text", "%PDF-1.7 ...", /is a PDF although its name says text/],
    ["a broken PDF", "f.pdf", "pdf", "%PDF-1.7\nnothing else", /is no readable PDF/],
    [
      "a damaged Word document",
      "g.docx",
      "docx",
      Buffer.from("PK\u0003\u0004 and no more", "latin1"),
      /is damaged, or no zip archive/,
    ],
    [
      "an encrypted or old Word document",
      "h.docx",
      "docx",
      Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1]),
      /is encrypted or in the Office format/,
    ],
    [
      "a zip archive that is no Word document",
      "i.docx",
      "docx",
      zipSync({ a: strToU8("x") }),
      /is no Word document/,
    ],
    [
      "a zip archive that is no book",
      "j.epub",
      "epub",
      zipSync({ a: strToU8("x") }),
      /is no EPUB book: it lacks META-INF\/container\.xml/,
    ],
  ];
  for (const [what, name, format, content, message] of refused) {
    test(`${what} is refused with its reason`, async () => {
      await assert.rejects(own(name, content, format), { name: "RagError", message });
    });
  }

  test("an archive that claims to unpack to more than is allowed is refused before it is unpacked", async () => {
    const zip = Buffer.from(zipSync({ "word/document.xml": strToU8("x".repeat(1000)) }));
    // The uncompressed size stands at byte 24 of the central directory's entry.
    zip.writeUInt32LE(0x7fffffff, zip.indexOf("PK\u0001\u0002", 0, "latin1") + 24);
    await assert.rejects(own("bomb.docx", zip, "docx"), { code: "file/too-large" });
  });

  test("HTML nested a hundred thousand deep harms nobody, and the next file is read", async () => {
    const deep = `${"<div>".repeat(100_000)}deep`;
    await assert.rejects(own("deep.html", deep, "html"), { name: "RagError" });
    assert.equal((await own("b.txt", "fine", "text")).text, "fine");
  });

  test("a missing file keeps its system error's meaning", async () => {
    await assert.rejects(reader.read(join(folder, "none.txt"), "text"), {
      code: "file/unreadable",
      message: "cannot be read as text (ENOENT: no such file or directory).",
    });
  });

  test("a file that takes too long is given up, and the next is read", async (t) => {
    const other = new ReaderProcess();
    t.after(() => other.close());
    const deep = join(folder, "slow.html");
    await writeFile(deep, `${"<div>".repeat(100_000)}deep`);
    const document = join(documents, "port-ansel.md");
    // Its process is there from now on, so that the time of the file begins with its reading.
    await other.read(document, "markdown");
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const reading = other.read(deep, "html");
    t.mock.timers.tick(25_000);
    await assert.rejects(reading, {
      code: "file/too-large",
      message: /took more than 25 seconds/,
    });
    assert.equal((await other.read(document, "markdown")).title, "Port Ansel");
  });

  test("a reading process that cannot be started refuses the file only", async () => {
    const other = new ReaderProcess();
    const path = join(documents, "port-ansel.md");
    const { execPath } = process;
    process.execPath = join(folder, "no-node");
    try {
      await assert.rejects(other.read(path, "markdown"), {
        code: "file/unreadable",
        message: /^the reading process failed \(ENOENT\)/,
      });
    } finally {
      process.execPath = execPath;
    }
    assert.equal((await other.read(path, "markdown")).title, "Port Ansel");
    other.close();
  });

  for (const [when, dies] of [
    ["after its answer", "setImmediate(die)"],
    ["at the next file", 'process.once("message", die)'],
  ] as const) {
    test(`a reading process that what it read before ends, ${when}, is no fault of the next file`, async () => {
      const other = new ReaderProcess();
      const module = join(folder, `dying-${dies.length}.mjs`);
      const die = 'const die = () => process.kill(process.pid, "SIGKILL");';
      await writeFile(
        module,
        `${die} export class Dying { constructor() { ${dies}; } async load() { return []; } }`,
      );
      assert.deepEqual(await other.load(folder, { name: "dying", module, export: "Dying" }), []);
      const next = await other.read(join(documents, "port-ansel.md"), "markdown");
      assert.equal(next.title, "Port Ansel");
      other.close();
    });
  }

  test("a reading process that hangs ends with the one that started it", {
    timeout: 120_000,
  }, async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const hanging = join(folder, "hanging.mjs");
    await writeFile(
      hanging,
      `import { once } from "node:events"; import { connect } from "node:net";
export class Hanging { async load() { await once(connect(${port}, "127.0.0.1"), "connect");
for (const end = Date.now() + 240_000; Date.now() < end; ); } }`,
    );
    const starting = join(folder, "starting.mjs");
    const readers = pathToFileURL(
      join(import.meta.dirname, "..", "..", "ingest", "readers", "reader-process.ts"),
    );
    await writeFile(
      starting,
      `import { ReaderProcess } from ${JSON.stringify(readers)};
const loader = { name: "hanging", module: ${JSON.stringify(hanging)}, export: "Hanging" };
await new ReaderProcess().load(${JSON.stringify(folder)}, loader);`,
    );
    const starter = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), starting], {
      stdio: "ignore",
    });
    t.after(() => starter.kill("SIGKILL"));
    // Its end closes the connection; that it was reset is no other news.
    const [socket] = (await once(server, "connection")) as [Socket];
    socket.on("error", () => {}).resume();
    starter.kill("SIGKILL");
    await once(socket, "close");
  });

  test("an abort ends the reading", async () => {
    const other = new ReaderProcess();
    const abort = new AbortController();
    const reading = other.read(join(documents, "caddow-railway.pdf"), "pdf", abort.signal);
    abort.abort();
    await assert.rejects(reading, { name: "AbortError" });
    other.close();
  });
});
