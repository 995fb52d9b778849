import assert from "node:assert/strict";
import { test } from "node:test";
import type { ParsedDocument } from "../../ingest/index.ts";
import { decodeText } from "../../ingest/readers/decode-text.ts";
import { parseHtml, parseHtmlFragment } from "../../ingest/readers/html.ts";
import { parseMarkdown } from "../../ingest/readers/markdown.ts";
import { headingText } from "../../ingest/readers/markdown-heading.ts";
import { parseRestructuredText } from "../../ingest/readers/restructured-text.ts";
import { parseRtf } from "../../ingest/readers/rtf.ts";

/** Blocks as "kind: text". */
const shown = ({ text, blocks }: ParsedDocument) =>
  blocks.map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);

test("HTML: numbered lists keep their numbers, nested and begun elsewhere", () => {
  const html = `<html><body><article><p>Steps of the evening, each of them in its place and order:</p>
<ol start="4"><li>Climb<ul><li>slowly</li></ul></li><li>Trim<ol><li>the wick</li><li>the flame</li></ol></li><li value="9">Rest</li><li></li></ol></article></body></html>`;
  assert.equal(
    shown(parseHtml(html)).at(-1),
    "paragraph: 4. Climb\n  - slowly\n5. Trim\n  1. the wick\n  2. the flame\n9. Rest",
  );
});

test("HTML: paragraphs and line breaks in cells and headings set words apart; scripts are no text", () => {
  const html = `<html><body><h1>The<br>Lamp<script>no()</script></h1>
<table><tr><td><p>oil</p><p>wick</p></td><td>red<br>gr<b>ee</b>n<style>p{}</style></td><td><ul><li>a</li><li>b</li></ul></td></tr></table></body></html>`;
  const parsed = parseHtml(html);
  assert.equal(parsed.title, "The Lamp");
  assert.deepEqual(shown(parsed), ["heading: The Lamp", "table: oil wick | red green | a b"]);
});

test("HTML: tags of the page may be left out, and what stands after its body is read", () => {
  for (const html of [
    "<!doctype html><title>Lamp</title><p>oil",
    "<!doctype html><html lang=en><meta charset=utf-8><title>Lamp</title><p>oil</p></html>",
    "<html><head><title>Lamp</title></head><p>oil</p></html>",
    "<body><title>Lamp</title><p>oil</p></body>",
    "<title>Lamp</title>oil",
  ]) {
    const parsed = parseHtml(html);
    assert.equal(parsed.title, "Lamp");
    assert.deepEqual(shown(parsed), ["paragraph: oil"], html);
  }
  const after = "<html><body><p>a</p></body><p>b</p><body><p>c</p></body></html><p>d</p>";
  assert.equal(parseHtml(after).text, "a\n\nb\n\nc\n\nd");
  assert.deepEqual(shown(parseHtmlFragment("<body><p>mail</p></body>")), ["paragraph: mail"]);
});

test("HTML: the title is the page's, not that of a drawing in it", () => {
  const icon = "<svg><g><title>Menu</title></g></svg>";
  for (const html of [
    `<body>${icon}<p>oil</p></body>`,
    `<html><body>${icon}<p>oil</p></body></html>`,
    `<title>Lamp</title>${icon}<p>oil`,
    `${icon}<title>Lamp</title><p>oil`,
  ]) {
    assert.equal(parseHtml(html).title, html.includes("Lamp") ? "Lamp" : "", html);
    assert.equal(parseHtml(html).text, "oil");
  }
});

test("HTML: two pages in one file are both read, however readable the first", () => {
  const page = (lamp: string) =>
    `<html><body>${`<p>${`The ${lamp} was lit every night, whatever the weather. `.repeat(5)}</p>`.repeat(8)}</body></html>`;
  const { text } = parseHtml(page("red lamp") + page("green lamp"));
  assert.match(text, /red lamp[\s\S]*green lamp/);
});

const CYRILLIC = "Маяк стоит на мысе. ".repeat(20);

test("a few broken bytes do not make UTF-8 another encoding", () => {
  const bytes = Buffer.from(`${CYRILLIC}x${CYRILLIC}`);
  bytes[Buffer.byteLength(CYRILLIC)] = 0xff;
  assert.equal(decodeText(bytes), `${CYRILLIC}\ufffd${CYRILLIC}`);
  assert.equal(decodeText(Buffer.from("\ufffd alone")), "\ufffd alone");
});

test("a mark or a label of UTF-8 is believed, unless hardly any of it is", () => {
  const damaged = Buffer.concat([Buffer.from("né"), Buffer.from([0xff]), Buffer.from(" à")]);
  const marked = Buffer.concat([Buffer.from("\ufeff"), damaged]);
  assert.equal(decodeText(marked), "né\ufffd à");
  assert.equal(decodeText(damaged, true), "né\ufffd à");
  assert.equal(decodeText(Buffer.from("né à", "latin1"), true), "né à");
});

test("short texts of older encodings are told from UTF-8", () => {
  for (const text of ["Café", "naïve, Zoë", "Ein Mädchen über drei Brücken."]) {
    assert.equal(decodeText(Buffer.from(text, "latin1")), text);
  }
});

test("Windows-1252 keeps its quotes, dashes and signs, in plain text and in RTF", () => {
  const bytes = Buffer.from("It\x92s \x84caf\xe9\x93 \x96 5 \x80", "latin1");
  assert.equal(decodeText(bytes), "It’s „café“ – 5 €");
  const rtf = Buffer.from("{\\rtf1\\ansi\\ansicpg1252 It\\'92s 5 \\'80}", "latin1");
  assert.equal(parseRtf(rtf).text, "It’s 5 €");
});

test("Thai is told from encodings whose bytes are Thai letters as well", () => {
  const thai = "ประภาคารตั้งอยู่บนแหลม 38 เมตร ทุกคืนผู้ดูแลจะจุดตะเกียงน้ำมัน";
  const bytes = (text: string) =>
    Uint8Array.from(text, (letter) => {
      const code = letter.charCodeAt(0);
      return code < 0x80 ? code : code - 0x0e01 + 0xa1;
    });
  for (const text of [thai, "สวัสดีครับ", `${thai}\n`.repeat(2000)]) {
    assert.equal(decodeText(bytes(text)), text);
  }
  const hebrew = Buffer.from("ùìåí òåìí äîâãìåø òåîã òì äëó", "latin1");
  assert.doesNotMatch(decodeText(hebrew), /\p{Script=Thai}/u);
  const korean = "b5eeb4ebb4c220c7d7b1b8c0c720bacfc2cabfa120bcad20c0d6b4d92e";
  assert.equal(decodeText(Buffer.from(korean, "hex")), "등대는 항구의 북쪽에 서 있다.");
  const western = "São João, Übermaß, naïve Zoë, façade, déjà vu";
  assert.equal(decodeText(Buffer.from(western, "latin1")), western);
});

test("Japanese in seven bits is read, and escapes that are none stay", () => {
  const japanese = Buffer.from("Lamp: \x1b$BF|K\\\x1b(B.\r\n", "latin1");
  assert.equal(decodeText(japanese), "Lamp: 日本.\n");
  assert.equal(decodeText(Buffer.from("\x1b$B\x7f é")), "\x1b$B\x7f é");
});

test("UTF-32 with a mark is read in both orders; what is no character is the sign for a broken one", () => {
  const bytes = (codes: readonly number[], order: "writeUInt32LE" | "writeUInt32BE") => {
    const buffer = Buffer.alloc(codes.length * 4);
    for (const [index, code] of codes.entries()) buffer[order](code, index * 4);
    return buffer;
  };
  const codes = [0xfeff, 0x41, 0xe9, 0x1f600, 0x110000, 0xd83d, 0x42];
  for (const order of ["writeUInt32LE", "writeUInt32BE"] as const) {
    assert.equal(decodeText(bytes(codes, order)), "Aé😀\ufffd\ufffdB");
    const cut = Buffer.concat([bytes([0xfeff, 0x41], order), Buffer.from([1])]);
    assert.equal(decodeText(cut), "A\ufffd");
  }
  const long = [0xfeff, ...Array.from({ length: 20_000 }, () => 0x6c34)];
  assert.equal(decodeText(bytes(long, "writeUInt32LE")), "水".repeat(20_000));
});

test("Markdown: tags alone, comments, rules and link targets are not read; the opening heading is the title", () => {
  const text = `<!-- a note
of two lines -->

## The Lamp

<Intro>

It burns oil; see [the book].

</Intro>

---

<Toc /> <!-- end -->

Text with a <b>tag</b>.

[the book]: https://example.org/book "Book"
`;
  const parsed = parseMarkdown(text);
  assert.equal(parsed.title, "The Lamp");
  assert.deepEqual(shown(parsed), [
    "heading: ## The Lamp",
    "paragraph: It burns oil; see [the book].",
    "paragraph: Text with a <b>tag</b>.",
  ]);
});

test("Markdown: footnotes and what somebody says are read; code within a line opens no fence", () => {
  const text = `[^1]: The lamp was lit in 1871.

[Alice]: I will send it tomorrow.

\`\`\`npm install x\`\`\` puts it in.

[a]: <https://example.org/a b> 'A'
[b]: https://example.org (B)

Then go on.`;
  assert.deepEqual(shown(parseMarkdown(text)), [
    "paragraph: [^1]: The lamp was lit in 1871.",
    "paragraph: [Alice]: I will send it tomorrow.",
    "paragraph: ```npm install x``` puts it in.",
    "paragraph: Then go on.",
  ]);
});

test("Markdown: a heading's words have no marks of emphasis and code, but all their own signs", () => {
  for (const [source, words] of [
    ["## get_user_by_id", "get_user_by_id"],
    ["## __init__ and 2 * 3", "init and 2 * 3"],
    ["## `__init__` and `**kwargs`", "__init__ and **kwargs"],
    ["# **The** *old* ***lamp*** and _its_ __wick__ ##", "The old lamp and its wick"],
    ["# **A *lamp* in `oil_1`**", "A lamp in oil_1"],
    ["# 5* inns, f(*args)", "5* inns, f(*args)"],
    ["# get\\_user \\* 2", "get_user * 2"],
    ["# # of users", "# of users"],
    ["_Lamp_\n===", "Lamp"],
  ] as const) {
    assert.equal(headingText(source), words, source);
  }
  const started = `# ${"*a ".repeat(100_000)}${"_b".repeat(100_000)}`;
  assert.equal(headingText(started), started.slice(2));
});

test("Markdown: a title may stand on the lines below its name", () => {
  for (const [front, title] of [
    ["title: >-\n  The lamp\n  of\n\n  oil\nauthor: x", "The lamp of oil"],
    ["date: 1\ntitle: | # two lines\n  The lamp\n  of oil", "The lamp of oil"],
    ["title: >2\nauthor: x", "Heading"],
    ["title: '> the lamp'", "> the lamp"],
    ["title: >- the lamp", ">- the lamp"],
    ["title:", "Heading"],
  ] as const) {
    assert.equal(parseMarkdown(`---\n${front}\n---\n# Heading`).title, title, front);
  }
});

test("Markdown: endless runs of spaces and marks take no more time than other text", () => {
  const spaces = " ".repeat(1_000_000);
  assert.equal(headingText(`# a${spaces}b${spaces}##${spaces}`), `a${spaces}b`);
  assert.equal(headingText(`# a${"{#".repeat(500_000)} {#id}`).endsWith("{#"), true);
  const opening = ["---", `title: a${spaces}b`, "---", `# a${spaces}# b`, "", "a | b"];
  const parsed = parseMarkdown(
    [...opening, `-|-${spaces}x`, "", "`".repeat(1_000_000), "x"].join("\n"),
  );
  assert.equal(parsed.title, `a${spaces}b`);
  assert.deepEqual(
    parsed.blocks.map(({ kind }) => kind),
    ["heading", "paragraph", "code"],
  );
});

test("reStructuredText: code of directives and literal blocks is whole; what is no text is left out", () => {
  const text = `Lamp
====

.. _lamp-label:

.. code-block:: python
   :linenos:

   def light():

       return 1

After it, a literal::

    $ light --now

    done

.. image:: lamp.png

The end.
`;
  assert.deepEqual(shown(parseRestructuredText(text)), [
    "heading: Lamp",
    "code:    def light():\n\n       return 1",
    "paragraph: After it, a literal::",
    "code:     $ light --now\n\n    done",
    "paragraph: The end.",
  ]);
});

test("HTML: a formula is read once, without its other notations", () => {
  const html =
    "<html><body><p>Energy is <math><semantics><mrow><mi>E</mi></mrow><annotation encoding='application/x-tex'>\\\\displaystyle E</annotation><annotation-xml><ci>E</ci></annotation-xml></semantics></math> here.</p></body></html>";
  assert.deepEqual(shown(parseHtml(html)), ["paragraph: Energy is E here."]);
});

test("HTML: cells over several rows are repeated down, those over several columns leave blanks", () => {
  const table = (rows: string) => parseHtmlFragment(`<table>${rows}</table>`).text;
  assert.equal(
    table(
      "<caption>Trade</caption><thead><tr><th rowspan=2>Region<th colspan=2>Wares<th rowspan=9>Port</tr><tr><th>Oil<th>Wax</tr></thead>" +
        "<tbody><tr><td rowspan=2>North<td>A<td>1<td>p<tr><td>B<td>2<td>q<tr><td>South<td colspan=2>C<td>r</tbody>",
    ),
    "Trade\nRegion | Wares |  | Port\nRegion | Oil | Wax | Port\nNorth | A | 1 | p\nNorth | B | 2 | q\nSouth | C |  | r",
  );
  assert.equal(table("<tr><td rowspan=0>a<td>b<tr><td>c<tr></tr><tr><td>d"), "a | b\na | c\na | d");
  assert.equal(table("<tr><td>a<td rowspan=2>b<td rowspan=2>c<tr><td>d"), "a | b | c\nd | b | c");
  assert.equal(table("<tr><td>a<td rowspan=2>b<tr><td colspan=2>c<td>d"), "a | b\nc |  | d");
  assert.equal(table("<tr><td colspan=99999999>a<td>b"), `a${" | ".repeat(1000)}b`);
});

test("HTML: a table that repeats more text than a document may have is refused", () => {
  const cell = `<td rowspan=0>${"a".repeat(100_000)}</td>`;
  assert.throws(
    () => parseHtmlFragment(`<table><tr>${cell}${"<tr><td>b".repeat(100_000)}</table>`),
    {
      code: "file/too-large",
    },
  );
});

test("HTML: code keeps the lines that a page shows", () => {
  const html =
    "<pre>one<br>two<div>a</div><div>  b</div>\n<p>c</p><ul><li>d<button>Copy</button></li></ul>e</pre>";
  assert.deepEqual(shown(parseHtmlFragment(html)), ["code: one\ntwo\na\n  b\n\nc\nd\ne"]);
});

test("HTML: readings above words are left out", () => {
  const html =
    "<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を読む</p><p><ruby>東<rt>とう<rtc>east</rtc></ruby></p>";
  assert.equal(parseHtmlFragment(html).text, "漢字を読む\n\n東");
});

test("HTML and RTF: raised digits and signs stay apart from numbers", () => {
  const html =
    "<p>10<sup>9 </sup>people, 81,463<sup> 2</sup>, 5<sup><i>-3</i></sup>, Ca<sup>2+</sup>, 1<sup>st<br></sup>, a<sup><a href='#n'>1</a></sup></p><h2>10<sup>6</sup></h2>";
  assert.equal(parseHtmlFragment(html).text, "10⁹ people, 81,463², 5⁻³, Ca²⁺, 1st\n, a1\n\n10⁶");
  const rtf = String.raw`{\rtf1\ansi 10{\super 9} people, 81,463\super 2\nosupersub , 5\super\u8722?3\super0 , 1{\super st} 7\plain 8}`;
  assert.equal(parseRtf(Buffer.from(rtf)).text, "10⁹ people, 81,463², 5⁻³, 1st 78");
});

test("Markdown: comments over several lines are left out, blank lines among them or not", () => {
  const text = `One.

<!-- hidden

# hidden

hidden -->

Two.
<!--
hidden
-->
Three.

<!-- open <!-- > --> is text

<!-- before --> between <!-- after -->

<!-- one --> <!-- two -->

<!-- never ended

Four.`;
  assert.deepEqual(shown(parseMarkdown(text)), [
    "paragraph: One.",
    "paragraph: Two.",
    "paragraph: Three.",
    "paragraph: <!-- open <!-- > --> is text",
    "paragraph: <!-- before --> between <!-- after -->",
    "paragraph: <!-- never ended",
    "paragraph: Four.",
  ]);
});

test("RTF: words that every object has are no symbols, and DOS code pages are read", () => {
  const rtf = (text: string) => parseRtf(Buffer.from(`{\\rtf1\\ansi${text}}`, "latin1")).text;
  assert.equal(rtf(" Hello {\\constructor there} \\toString world"), "Hello there world");
  assert.equal(rtf("\\ansicpg437 caf\\'82 na\\'8bve \\'9e"), "café naïve ₧");
  assert.equal(rtf("\\ansicpg850 caf\\'82 na\\'8bve \\'9e"), "café naïve ×");
  assert.equal(rtf("\\ansicpg866 \\'8c\\'a0\\'ef\\'aa"), "Маяк");
});

test("RTF: a backslash at the end of a line ends the paragraph, as macOS writes it", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const lines = [
      "{\\rtf1\\ansi\\cocoartf2709",
      "\\pard\\f0 First line\\",
      "Second line\\",
      "\\",
      "Third}",
    ];
    assert.deepEqual(shown(parseRtf(Buffer.from(lines.join(end), "latin1"))), [
      "paragraph: First line",
      "paragraph: Second line",
      "paragraph: Third",
    ]);
  }
});
