import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { strToU8, zipSync } from "fflate";
import { chunkDocument } from "../../ingest/chunks/chunker.ts";
import type { ParsedDocument } from "../../ingest/index.ts";
import { cellStyles, formatNumber } from "../../ingest/readers/excel-numbers.ts";
import { formatOf } from "../../ingest/readers/formats.ts";
import { ReaderProcess } from "../../ingest/readers/reader-process.ts";

const zip = (parts: Readonly<Record<string, string>>) =>
  zipSync(Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, strToU8(text)])));
const relationships = (
  ...targets: readonly (readonly [id: string, type: string, target: string])[]
) =>
  `<Relationships>${targets.map(([id, type, target]) => `<Relationship Id="${id}" Type="http://x/${type}" Target="${target}"/>`).join("")}</Relationships>`;
/** What a reader made of a file, a block a line. */
const outline = ({ text, blocks }: ParsedDocument) =>
  blocks.map(({ kind, start, end, level = "", page }) => {
    const place = page === undefined ? "" : ` p${page}`;
    return `${kind}${level}${place}: ${text.slice(start, end)}`;
  });

describe("office files, mail, data and code", () => {
  let folder: string;
  let reader: ReaderProcess;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-office-"));
    reader = new ReaderProcess();
  });
  after(async () => {
    reader.close();
    await rm(folder, { recursive: true, force: true });
  });
  const read = async (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    await writeFile(path, content);
    const format = formatOf(path);
    assert.ok(format && format !== "jsonl");
    return reader.read(path, format);
  };

  const slide = (title: string, body: string) =>
    `<p:sld xmlns:p="p" xmlns:a="a"><p:sp><p:nvPr><p:ph type="title"/></p:nvPr><a:p><a:r><a:t>${title}</a:t></a:r></a:p></p:sp>${body}<p:sp><p:ph type="sldNum"/><a:p><a:t>7</a:t></a:p></p:sp></p:sld>`;
  test("PowerPoint: slides in the order of the presentation are pages, with tables and notes", async () => {
    const parsed = await read(
      "a.pptx",
      zip({
        "ppt/presentation.xml":
          '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst><p:sldId id="1" r:id="b"/><p:sldId id="2" r:id="a"/></p:sldIdLst></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(
          ["a", "slide", "slides/slide1.xml"],
          ["b", "slide", "slides/slide2.xml"],
        ),
        "ppt/slides/slide1.xml": slide(
          "Costs &amp; gains",
          "<a:tbl><a:tr><a:tc><a:p><a:t>Oil</a:t></a:p></a:tc><a:tc><a:p><a:t>12</a:t></a:p></a:tc></a:tr></a:tbl>",
        ),
        "ppt/slides/slide2.xml": slide(
          "The lamp",
          "<p:sp><a:p><a:t>Burns </a:t><a:t>colza oil</a:t></a:p><a:p><a:t>Since 1838</a:t></a:p></p:sp>",
        ),
        "ppt/slides/_rels/slide2.xml.rels": relationships(["n", "notesSlide", "../notes/n1.xml"]),
        "ppt/notes/n1.xml":
          '<p:notes xmlns:p="p" xmlns:a="a"><p:sp><a:p><a:t>Mention the keeper.</a:t></a:p></p:sp></p:notes>',
      }),
    );
    assert.deepEqual(outline(parsed), [
      "heading1 p1: The lamp",
      "paragraph p1: Burns colza oil\nSince 1838",
      "paragraph p1: Mention the keeper.",
      "heading1 p2: Costs & gains",
      "table p2: Oil | 12",
    ]);
  });

  test("PowerPoint: a slide's title comes first wherever it is drawn, a slide without one is under none, diagrams are read once", async () => {
    const text = (line: string) => `<p:sp><a:p><a:t>${line}</a:t></a:p></p:sp>`;
    const title = (line: string) =>
      `<p:sp><p:ph type="title"/><a:p><a:t>${line}</a:t></a:p></p:sp>`;
    const shapes = (...parts: readonly string[]) =>
      `<p:sld xmlns:p="p" xmlns:a="a" xmlns:d="d" xmlns:r="r">${parts.join("")}</p:sld>`;
    const diagram = '<p:graphicFrame><d:relIds r:dm="d1"/></p:graphicFrame>';
    const parsed = await read(
      "order.pptx",
      zip({
        "ppt/presentation.xml":
          '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldId r:id="a"/><p:sldId r:id="b"/><p:sldId r:id="c"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(
          ["a", "slide", "slides/1.xml"],
          ["b", "slide", "slides/2.xml"],
          ["c", "slide", "slides/3.xml"],
        ),
        "ppt/slides/1.xml": shapes(title("Revenue"), text("It rose.")),
        "ppt/slides/2.xml": shapes(text("They fell."), title("Costs"), text("By half.")),
        "ppt/slides/3.xml": shapes(title(" "), text("Alone."), diagram, diagram, text("After.")),
        "ppt/slides/_rels/3.xml.rels": relationships([
          "d1",
          "diagramData",
          "../diagrams/data1.xml",
        ]),
        "ppt/diagrams/data1.xml":
          '<d:dataModel xmlns:d="d" xmlns:a="a"><d:ptLst><d:pt><d:t><a:p><a:t>Fill</a:t></a:p></d:t></d:pt><d:pt><d:t><a:p><a:t>Light</a:t></a:p></d:t></d:pt></d:ptLst></d:dataModel>',
      }),
    );
    assert.deepEqual(outline(parsed), [
      "heading1 p1: Revenue",
      "paragraph p1: It rose.",
      "heading1 p2: Costs",
      "paragraph p2: They fell.",
      "paragraph p2: By half.",
      "heading1 p3: ",
      "paragraph p3: Alone.",
      "paragraph p3: Fill\nLight",
      "paragraph p3: After.",
    ]);
    assert.equal(parsed.title, "Revenue");
    const headings = chunkDocument(parsed, (part) => part.split(" ").length, {
      targetTokens: 4,
      maxTokens: 4,
      minTokens: 1,
      overlapTokens: 0,
    }).map(({ heading, page }) => [...heading, page]);
    assert.deepEqual(headings, [["Revenue", 1], ["Costs", 2], [3]]);
  });

  test("Excel: sheets, shared and inline strings, dates, shares, gaps and blank rows", async () => {
    const parsed = await read(
      "a.xlsx",
      zip({
        "xl/workbook.xml":
          '<workbook xmlns:r="r"><sheets><sheet name="Stores" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(
          ["r1", "worksheet", "worksheets/sheet1.xml"],
          ["r2", "sharedStrings", "sharedStrings.xml"],
          ["r3", "styles", "/xl/styles.xml"],
        ),
        "xl/sharedStrings.xml":
          "<sst><si><t>Item</t></si><si><r><t>Colza </t></r><r><t>oil</t></r><rPh><t>x</t></rPh></si></sst>",
        "xl/styles.xml":
          '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="mm:ss"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="9"/><xf numFmtId="170"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml":
          '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>Bought</t></is></c></row><row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2"><v>0.30000000000000004</v></c><c r="C2" s="1"><v>45352</v></c></row><row r="4"><c r="A4" t="b"><v>1</v></c><c r="B4" s="2"><v>0.125</v></c><c r="C4" s="3"><v>0.5</v></c><c r="D4" t="e"><v>#DIV/0!</v></c></row></sheetData></worksheet>',
      }),
    );
    assert.deepEqual(outline(parsed), [
      "heading1: Stores",
      "table: Item |  | Bought\nColza oil | 0.3 | 2024-03-01",
      "table: TRUE | 12.5% | 12:00 | #DIV/0!",
    ]);
  });

  const WORD_NAMESPACES =
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"';
  const wordPart = (root: string, content: string) =>
    `<w:${root} ${WORD_NAMESPACES}>${content}</w:${root}>`;
  const run = (text: string) => `<w:r><w:t xml:space="preserve">${text}</w:t></w:r>`;
  const paragraph = (...runs: readonly string[]) => `<w:p>${runs.join("")}</w:p>`;
  const document = (...paragraphs: readonly string[]) =>
    wordPart("document", `<w:body>${paragraphs.join("")}</w:body>`);

  test("Word: fields, directions, readings above characters, formulas and old line breaks keep their text", async () => {
    const math = (text: string) => `<m:r><m:t>${text}</m:t></m:r>`;
    const ruby = `<w:r><w:ruby><w:rubyPr/><w:rt>${run("かんじ")}</w:rt><w:rubyBase>${run("漢字")}</w:rubyBase></w:ruby></w:r>`;
    const parsed = await read(
      "elements.docx",
      zip({
        "word/document.xml": document(
          paragraph(
            run("Table "),
            `<w:fldSimple w:instr="SEQ">${run("7")}</w:fldSimple>`,
            run(": Results"),
          ),
          paragraph(run("Read "), ruby, run(" aloud")),
          paragraph(
            run("Energy is "),
            `<m:oMath>${math("E=m")}<m:sSup><m:e>${math("c")}</m:e><m:sup>${math("2")}</m:sup></m:sSup></m:oMath>`,
            run(" always"),
          ),
          paragraph(
            `<m:oMathPara><m:oMathParaPr/><m:oMath>${math("f")}<m:d><m:e>${math("x &lt; y")}</m:e></m:d>${math("=")}<m:f><m:num>${math("1")}</m:num><m:den>${math("2")}</m:den></m:f><m:d><m:dPr><m:begChr m:val="|"/><m:endChr m:val="|"/></m:dPr><m:e>${math("z")}</m:e></m:d></m:oMath></m:oMathPara>`,
          ),
          paragraph(
            `<w:bdo w:val="rtl">${run("שלום")}</w:bdo>`,
            `<w:dir w:val="rtl">${run(" עולם")}</w:dir>`,
          ),
          paragraph(
            "<w:r><w:t>line1</w:t><w:cr/><w:t>line2</w:t></w:r>",
            "<w:r><w:footnoteReference w:id='2'/></w:r>",
          ),
        ),
        "word/_rels/document.xml.rels": relationships(
          ["h", "header", "header1.xml"],
          ["f", "footnotes", "footnotes.xml"],
        ).replace(
          "<Relationships>",
          '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">',
        ),
        "word/header1.xml": wordPart("hdr", paragraph(ruby, "<w:r><w:cr/></w:r>", run("by Aso"))),
        "word/footnotes.xml": wordPart(
          "footnotes",
          `<w:footnote w:id="2">${paragraph(`<w:fldSimple w:instr="DATE">${run("Noted")}</w:fldSimple>`)}</w:footnote>`,
        ),
      }),
    );
    assert.deepEqual(outline(parsed), [
      "paragraph: 漢字 by Aso",
      "paragraph: Table 7: Results",
      "paragraph: Read 漢字 aloud",
      "paragraph: Energy is E=mc^2 always",
      "paragraph: f(x < y)=1/2|z|",
      "paragraph: שלום עולם",
      "paragraph: line1\nline2[1]",
      "paragraph: 1. Noted",
    ]);
  });

  const mainPart = (target: string, namespace: string) => ({
    "_rels/.rels": `<Relationships><Relationship Id="m" Type="${namespace}/officeDocument" Target="${target}"/></Relationships>`,
  });
  const TRANSITIONAL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships";

  for (const namespace of [TRANSITIONAL, STRICT]) {
    test(`the main part of an Office file may have any name (${namespace})`, async () => {
      const word = await read(
        "other.docx",
        zip({
          ...mainPart("word/document2.xml", namespace),
          "word/document2.xml": document(paragraph(run("Colza oil"))),
        }),
      );
      assert.equal(word.text, "Colza oil");
      const excel = await read(
        "other.xlsx",
        zip({
          ...mainPart("/xl/book.xml", namespace),
          "xl/book.xml":
            '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
          "xl/_rels/book.xml.rels": relationships(["r1", "worksheet", "sheet.xml"]),
          "xl/sheet.xml": '<worksheet><row r="1"><c r="A1"><v>12</v></c></row></worksheet>',
        }),
      );
      assert.deepEqual(outline(excel), ["heading1: S", "table: 12"]);
      const powerpoint = await read(
        "other.pptx",
        zip({
          ...mainPart("show/main.xml", namespace),
          "show/main.xml":
            '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldId r:id="a"/></p:presentation>',
          "show/_rels/main.xml.rels": relationships(["a", "slide", "s.xml"]),
          "show/s.xml": slide("The lamp", ""),
        }),
      );
      assert.deepEqual(outline(powerpoint), ["heading1 p1: The lamp"]);
    });
  }

  test("names of parts ignore case", async () => {
    const excel = await read(
      "case.xlsx",
      zip({
        "xl/Workbook.xml":
          '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.RELS": relationships(
          ["r1", "worksheet", "Worksheets/sheet1.xml"],
          ["r2", "sharedStrings", "sharedStrings.xml"],
        ),
        "xl/SharedStrings.xml": "<sst><si><t>Colza oil</t></si></sst>",
        "xl/worksheets/sheet1.xml":
          '<worksheet><row r="1"><c r="A1" t="s"><v>0</v></c></row></worksheet>',
      }),
    );
    assert.deepEqual(outline(excel), ["heading1: S", "table: Colza oil"]);
    const word = await read(
      "case.docx",
      zip({ "Word/Document.xml": document(paragraph(run("x"))) }),
    );
    assert.equal(word.text, "x");
  });

  test("an Office file of another kind than its name says is refused", async () => {
    const file = zip({
      ...mainPart("xl/workbook.xml", TRANSITIONAL),
      "xl/workbook.xml": "<workbook/>",
    });
    await assert.rejects(read("kind.docx", file), {
      code: "file/invalid",
      message: /is no Word document: its main part is no document/,
    });
  });

  test("Excel: characters written by their codes are those characters", async () => {
    const parsed = await read(
      "codes.xlsx",
      zip({
        "xl/workbook.xml":
          '<workbook xmlns:r="r"><sheets><sheet name="A_x0026_B" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(
          ["r1", "worksheet", "sheet1.xml"],
          ["r2", "sharedStrings", "sharedStrings.xml"],
        ),
        "xl/sharedStrings.xml":
          "<sst><si><t>Colza_x000D_\noil</t></si><si><t>_x005F_x000D_ _xD83D__xDD25_ _xD83D_ a_x0001_b _x00G0_</t></si></sst>",
        "xl/sheet1.xml":
          '<worksheet><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="str"><v>x_x000D_y</v></c></row></worksheet>',
      }),
    );
    assert.deepEqual(outline(parsed), [
      "heading1: A&B",
      "table: Colza oil | _x000D_ 🔥 \ufffd ab _x00G0_ | x y",
    ]);
  });

  test("Excel: how long something took, dates of East Asian formats, colours that look like one", () => {
    const codes = ["[h]:mm", "[hh]:mm:ss", "[mm]:ss", "[s]", "[Magenta]0.0", "[$-409]h:mm"];
    const ids = codes.map((_, index) => 170 + index);
    const formats = codes.map(
      (code, index) => `<numFmt numFmtId="${ids[index]}" formatCode="${code}"/>`,
    );
    const cells = [...ids, 46, 27, 58].map((id) => `<xf numFmtId="${id}"/>`);
    const xml = `<styleSheet><numFmts>${formats.join("")}</numFmts><cellXfs>${cells.join("")}</cellXfs></styleSheet>`;
    const styles = cellStyles(strToU8(xml));
    const shown = (value: string) => styles.map((style) => formatNumber(value, style, false));
    assert.deepEqual(shown("1.5625").slice(0, 5), [
      "37:30",
      "37:30",
      "2250:00",
      "135000",
      "1.5625",
    ]);
    assert.deepEqual(shown("0.00001158").slice(0, 4), ["0:00:01", "0:00:01", "00:01", "1"]);
    assert.equal(shown("0.5")[5], "12:00");
    assert.deepEqual(shown("45352").slice(6), ["1088448:00", "2024-03-01", "2024-03-01"]);
  });

  test("OpenDocument: headings, lists, notes, tables; deleted text and comments are left out", async () => {
    const parsed = await read(
      "a.odt",
      zip({
        "meta.xml": "<m><meta><title>The keeper's log</title></meta></m>",
        "content.xml":
          '<o:document-content xmlns:o="o" xmlns:text="t" xmlns:table="b"><o:body><o:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h text:outline-level="2">Night</text:h><text:p>The <text:span>lamp</text:span><text:s text:c="2"/>burns<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Colza oil.</text:p></text:note-body></text:note> on.<o:annotation><text:p>check</text:p></o:annotation></text:p><text:list><text:list-item><text:p>wick</text:p><text:list><text:list-item><text:p>spare</text:p></text:list-item></text:list></text:list-item></text:list><table:table table:name="Table1"><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell table:number-columns-repeated="2"><text:p>b</text:p></table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table></o:text></o:body></o:document-content>',
      }),
    );
    assert.equal(parsed.title, "The keeper's log");
    assert.deepEqual(outline(parsed), [
      "heading2: Night",
      "paragraph: The lamp  burns[1] on.",
      "paragraph: - wick\n  - spare",
      "table: a | b | b",
      "paragraph: [1] Colza oil.",
    ]);
  });

  const openText = (body: string, styles = "") =>
    `<o:document-content xmlns:o="o" xmlns:text="t" xmlns:table="b" xmlns:style="s" xmlns:fo="f" xmlns:draw="d" xmlns:svg="v"><o:automatic-styles>${styles}</o:automatic-styles><o:body><o:text text:use-soft-page-breaks="true">${body}</o:text></o:body></o:document-content>`;
  const line = (content: string, style = "") =>
    `<text:p text:style-name="${style}">${content}</text:p>`;
  const note = (mark: string, content: string) =>
    `<text:note><text:note-citation>${mark}</text:note-citation><text:note-body>${line(content)}</text:note-body></text:note>`;

  test("OpenDocument: a note keeps its mark; a field with the document's title is text, a picture's title is none", async () => {
    const parsed = await read(
      "notes.odt",
      zip({
        "content.xml": openText(
          `${line(`One${note("1", "foot one")} two${note("i", "end one")} three${note("2", "foot two")} four${note("", "five")}`)}${line("Contract: <text:title>Lease</text:title> dated<draw:frame><svg:title>logo</svg:title></draw:frame>")}`,
        ),
      }),
    );
    assert.deepEqual(outline(parsed), [
      "paragraph p1: One[1] two[i] three[2] four[4]",
      "paragraph p1: Contract: Lease dated",
      "paragraph: [1] foot one",
      "paragraph: [i] end one",
      "paragraph: [2] foot two",
      "paragraph: [4] five",
    ]);
  });

  test("OpenDocument: a slide's title comes first wherever it is drawn, and a slide without one is under none", async () => {
    const frame = (content: string, kind = "") =>
      `<draw:frame presentation:class="${kind}"><draw:text-box>${line(content)}</draw:text-box></draw:frame>`;
    const slide = (...frames: readonly string[]) => `<draw:page>${frames.join("")}</draw:page>`;
    const slides = [
      slide(frame("Revenue", "title"), frame("It rose.")),
      slide(frame("They fell."), frame("Costs", "title"), frame("By half.")),
      slide(frame("Alone.")),
    ];
    const parsed = await read(
      "order.odp",
      zip({
        "content.xml": `<o:document-content xmlns:o="o" xmlns:text="t" xmlns:draw="d" xmlns:presentation="p"><o:body><o:presentation>${slides.join("")}</o:presentation></o:body></o:document-content>`,
      }),
    );
    assert.deepEqual(outline(parsed), [
      "heading1 p1: Revenue",
      "paragraph p1: It rose.",
      "heading1 p2: Costs",
      "paragraph p2: They fell.",
      "paragraph p2: By half.",
      "heading1 p3: ",
      "paragraph p3: Alone.",
    ]);
  });

  test("OpenDocument: pages begin at soft breaks and where styles demand it, once at one place; a block has the page it begins on", async () => {
    const style = (name: string, attributes: string, properties = "") =>
      `<style:style style:family="paragraph" style:name="${name}" ${attributes}><style:paragraph-properties ${properties}/></style:style>`;
    const soft = "<text:soft-page-break/>";
    const parsed = await read(
      "pages.odt",
      zip({
        "styles.xml": `<o:document-styles xmlns:o="o" xmlns:style="s" xmlns:fo="f"><o:styles>${style("Chapter", "", 'fo:break-before="page"')}</o:styles></o:document-styles>`,
        "content.xml": openText(
          [
            line("first", "Land"),
            line(`runs ${soft}over`),
            line(`${soft}on three`),
            line("on four", "Own"),
            line("still four", "Column"),
            line(`${soft}on five, once`, "Own"),
            `${soft}${line("on six, once", "Own")}`,
            line("on seven", "Land"),
            line("last of seven", "Last"),
            line("on eight"),
            line("still eight", "Kept"),
            `<text:list><text:list-item>${line("item")}</text:list-item><text:list-item>${line(`${soft}item`)}</text:list-item></text:list>`,
            `<table:table><table:table-row><table:table-cell>${line("a", "Own")}</table:table-cell></table:table-row><table:table-row><table:table-cell>${line(`b${soft}c`)}</table:table-cell><table:table-cell>${line(`d${soft}e`)}</table:table-cell></table:table-row></table:table>`,
            line("on ten"),
            line(`<draw:frame><draw:text-box>${line("boxed", "Own")}</draw:text-box></draw:frame>`),
          ].join(""),
          [
            style("Own", 'style:parent-style-name="Chapter"'),
            style("Kept", 'style:parent-style-name="Chapter"', 'fo:break-before="auto"'),
            style("Land", 'style:master-page-name="Landscape"'),
            style("Column", 'style:master-page-name=""', 'fo:break-before="column"'),
            style("Last", "", 'fo:break-after="page"'),
          ].join(""),
        ),
      }),
    );
    assert.deepEqual(outline(parsed), [
      "paragraph p1: first",
      "paragraph p1: runs over",
      "paragraph p3: on three",
      "paragraph p4: on four",
      "paragraph p4: still four",
      "paragraph p5: on five, once",
      "paragraph p6: on six, once",
      "paragraph p7: on seven",
      "paragraph p7: last of seven",
      "paragraph p8: on eight",
      "paragraph p8: still eight",
      "paragraph p8: - item\n- item",
      "table p9: a\nbc | de",
      "paragraph p10: on ten",
      "paragraph p10: boxed",
    ]);
  });

  test("OpenDocument: styles that inherit from each other in a ring end nothing", async () => {
    const ring = ["A", "B"].map(
      (name, index) =>
        `<style:style style:family="paragraph" style:name="${name}" style:parent-style-name="${"BA"[index]}"/>`,
    );
    const parsed = await read(
      "ring.odt",
      zip({ "content.xml": openText(line("x") + line("y", "A"), ring.join("")) }),
    );
    assert.deepEqual(outline(parsed), ["paragraph p1: x", "paragraph p1: y"]);
  });

  test("OpenDocument: levels of headings are whole numbers from 1 to 6, whatever a file says", async () => {
    const levels = ["-7", "0.5", "2.5", "9", "x"];
    const heads = levels
      .map((level) => `<text:h text:outline-level="${level}">${level}</text:h>`)
      .join("");
    const content = `<o:text xmlns:o="o" xmlns:text="t">${heads}</o:text>`;
    const { blocks } = await read("levels.odt", zip({ "content.xml": content }));
    assert.deepEqual(
      blocks.map(({ level }) => level),
      [1, 1, 2, 6, 1],
    );
  });

  test("an encrypted OpenDocument file is named as such", async () => {
    const file = zip({
      "META-INF/manifest.xml": "<m><file-entry><encryption-data/></file-entry></m>",
      "content.xml": "x",
    });
    await assert.rejects(read("locked.odt", file), {
      code: "file/unsupported",
      message: /encrypted/,
    });
  });

  test("RTF: encodings, headings, tables, notes, hidden text, headers once", async () => {
    const parsed = await read(
      "a.rtf",
      String.raw`{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fcharset0 Times;}{\f1\fcharset129 Batang;}}{\stylesheet{\s1 heading 1;}}{\info{\title Log}{\author N}}{\header Halmeray lights\par}{\*\generator X;}\pard\s1 The night\par\pard\plain Caf\'e9 \u8211- na\u239?ve {\v secret}{\f1 \'b5\'ee\'b4\'eb}{\footnote\pard A note.}\par\pard\intbl a\cell b\cell\row\pard {\field{\*\fldinst HYPERLINK "x"}{\fldrslt a link}}\{end\}\par}`,
    );
    assert.equal(parsed.title, "Log");
    assert.deepEqual(outline(parsed), [
      "paragraph: Halmeray lights",
      "heading1: The night",
      "paragraph: Café – naïve 등대[1]",
      "table: a | b",
      "paragraph: a link{end}",
      "paragraph: [1] A note.",
    ]);
  });

  test("CSV: quotes, line breaks in cells, the delimiter that is used", async () => {
    const comma = await read("a.csv", 'name,height\n"Cobb, old","38\nmetres"\n');
    assert.deepEqual(outline(comma), ["table: name | height\nCobb, old | 38 metres"]);
    const semicolon = await read("b.csv", "name;height\nCobb;38,5\n");
    assert.deepEqual(outline(semicolon), ["table: name | height\nCobb | 38,5"]);
    assert.match((await read("c.tsv", "a\tb\n1\t2\n")).text, /^a \| b\n1 \| 2$/);
  });

  test("CSV: what stands above a table is a paragraph, and does not decide for a delimiter", async () => {
    const bank =
      "Umsätze Girokonto\n\nKonto;DE12\nDatum;Text;Betrag;Konto\n01.02.2024;Miete;-500,00;1\n";
    assert.deepEqual(outline(await read("bank.csv", bank)), [
      "paragraph: Umsätze Girokonto\nKonto | DE12",
      "table: Datum | Text | Betrag | Konto\n01.02.2024 | Miete | -500,00 | 1",
    ]);
    const padded = "Report,,\na,b,c\n1,2,3\n4,,\n5,6,7\n";
    assert.deepEqual(outline(await read("padded.csv", padded)), [
      "paragraph: Report",
      "table: a | b | c\n1 | 2 | 3\n4\n5 | 6 | 7",
    ]);
    const named = await read("named.csv", "sep=;\r\na;b,c\r\n1;2,3\r\n");
    assert.deepEqual(outline(named), ["table: a | b,c\n1 | 2,3"]);
    const unnamedNumbers = await read("rows.csv", "height,oil\n1,38,colza\n2,12,whale\n");
    assert.deepEqual(outline(unnamedNumbers), [
      "table: height | oil\n1 | 38 | colza\n2 | 12 | whale",
    ]);
    const list = await read("list.csv", "lamp\noil\nwick\n");
    assert.deepEqual(outline(list), ["table: lamp\noil\nwick"]);
  });

  test("CSV: a quote that is never closed costs no row, and the other cells lose theirs", async () => {
    const inch = await read("inch.csv", 'no,what\n1,"5 inch\n2,"a ""b"" c"\n');
    assert.deepEqual(outline(inch), ['table: no | what\n1 | "5 inch\n2 | a "b" c']);
    const long = `1,"open\n${"2,b\n".repeat(300_000)}`;
    assert.match((await read("long.csv", long)).text, /^1 \| "open\n2 \| b\n/);
  });

  test("TSV: a quote is a letter where it would join rows; quoted cells of several lines stay cells", async () => {
    const open = await read("open.tsv", '1\t"open\n2\tb\n3\t"\n');
    assert.deepEqual(outline(open), ['table: 1 | "open\n2 | b\n3 | "']);
    const sheet = await read("sheet.tsv", 'a\tb\n1\t"two\nlines"\n2\t"a\ttab"\n');
    assert.deepEqual(outline(sheet), ["table: a | b\n1 | two lines\n2 | a tab"]);
  });

  test("JSON: names and values without brackets, members as blocks", async () => {
    const parsed = await read(
      "a.json",
      '{"title":"Lights","lamp":{"oil":"colza","hours":[1,2]},"none":{}}',
    );
    assert.equal(parsed.title, "Lights");
    assert.deepEqual(outline(parsed), [
      "code: title: Lights",
      "code: lamp:\n  oil: colza\n  hours:\n    - 1\n    - 2",
    ]);
    const numbers = await read(
      "n.json",
      '{"id":1234567890123456789,"price":1.10,"tiny":-1E-400,"n":-7,"text":"\\\\","like":"1.10 \\" 2.20"}',
    );
    assert.deepEqual(outline(numbers), [
      "code: id: 1234567890123456789",
      "code: price: 1.10",
      "code: tiny: -1E-400",
      "code: n: -7",
      "code: text: \\",
      'code: like: 1.10 " 2.20',
    ]);
    await assert.rejects(read("z.json", '{"a":01.20}'), { code: "file/invalid" });
    await assert.rejects(read("b.json", '{"a":'), { code: "file/invalid", message: /JSON/ });
    await assert.rejects(read("c.json", `${"[".repeat(5000)}${"]".repeat(5000)}`), {
      code: "file/invalid",
    });
  });

  test("mail: subject, people, encoded text; of two forms the plain one; attachments by name", async () => {
    const parsed = await read(
      "a.eml",
      'From: =?utf-8?B?w4Vzbw==?= <aso@example.org>\r\nTo: b@example.org\r\nSubject: =?utf-8?Q?The_l=C3=A1mp?=\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary="y"\r\n\r\n--y\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nIt burns =E2=80=93 again.\r\n\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>other</p>\r\n--y--\r\n--x\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Disposition: attachment; filename="plan.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x--\r\n',
    );
    assert.equal(parsed.title, "The lámp");
    assert.match(parsed.text, /From: Åso <aso@example\.org>\nTo: b@example\.org\n.*2024/);
    assert.match(parsed.text, /Attachments: plan\.pdf/);
    assert.match(parsed.text, /It burns – again\./);
    assert.doesNotMatch(parsed.text, /other/);
  });

  test("source code keeps its text; a function with its comment is a block", async () => {
    const text = "import x\n\n// Lights it.\nfunction light() {\n\n  go();\n}\n\nconst a = 1;\n";
    const parsed = await read("a.ts", text);
    assert.equal(parsed.text, text);
    assert.deepEqual(outline(parsed), [
      "code: import x",
      "code: // Lights it.\nfunction light() {\n\n  go();\n}",
      "code: const a = 1;",
    ]);
  });

  test("text in older encodings is told by its bytes", async () => {
    const korean = Buffer.from(
      "b5eeb4ebb4c220c7d7b1b8bfa120bcad20c0d6b4d92e20b5eeb4ebc1f6b1e2b4c220b9e3b8b6b4d920b7a5c7c1b8a620c4d2b4d92e",
      "hex",
    );
    assert.equal(
      (await read("ko.txt", korean)).text,
      "등대는 항구에 서 있다. 등대지기는 밤마다 램프를 켠다.",
    );
    const japanese = Buffer.from(
      "939491e48ee782cd968894d383898393837682f0935f82af82e9814282c682c482e096be82e982a28cf582be82c182bd8142",
      "hex",
    );
    assert.equal(
      (await read("ja.txt", japanese)).text,
      "灯台守は毎晩ランプを点ける。とても明るい光だった。",
    );
    const utf16 = Buffer.from("The lamp burns.", "utf16le");
    assert.equal((await read("u16.txt", utf16)).text, "The lamp burns.");
    const russian = Buffer.from(
      "cceef1eae2e0202d20f1f2eeebe8f6e020d0eef1f1e8e82e20ddf2ee20e1eeebfcf8eee920e3eef0eee42e",
      "hex",
    );
    assert.match((await read("ru.txt", russian)).text, /^Москва - столица России/);
  });

  for (const name of ["a.docx", "b.pptx", "c.xlsx", "d.odt"]) {
    test(`a zip archive of something else named ${name} is refused by what it lacks`, async () => {
      await assert.rejects(read(name, zip({ "x.txt": "x" })), {
        code: "file/invalid",
        message: /lacks/,
      });
    });
  }

  test("XML that is cut off is refused, and entities are never expanded", async () => {
    const broken = zip({ "content.xml": "<a><b>text" });
    await assert.rejects(read("broken.odt", broken), { code: "file/invalid", message: /XML/ });
    const bomb = zip({
      "content.xml": '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    });
    await assert.rejects(read("bomb.odt", bomb), { code: "file/invalid", message: /XML/ });
  });
});
