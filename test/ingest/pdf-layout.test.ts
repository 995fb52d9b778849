import assert from "node:assert/strict";
import { test } from "node:test";
import type { ParsedDocument } from "../../ingest/index.ts";
import { DocumentBuilder } from "../../ingest/readers/document-builder.ts";
import { addPdfBlocks } from "../../ingest/readers/pdf/layout.ts";
import { parsePdf } from "../../ingest/readers/pdf/pdf.ts";
import {
  columnsFirst,
  japanesePdf,
  lines,
  type PdfPage,
  type PdfText,
  pdfFile,
} from "./pdf-file.ts";

const read = (...pages: readonly PdfPage[]): Promise<ParsedDocument> => parsePdf(pdfFile(pages));
const readTexts = (...texts: readonly PdfText[]) => read({ texts });

/** Blocks as [kind, text]. */
const shown = ({ text, blocks }: ParsedDocument) =>
  blocks.map(({ kind, start, end }) => [kind, text.slice(start, end)] as const);

const LEFT = [
  "The lighthouse at Cobb was built by",
  "three brothers over nine winters, of",
  "stone that came by sea from the quar-",
  "ries of the north. Its lamp burned oil",
  "until the year the railway came, and",
  "gas for a generation after that.",
];
const RIGHT = [
  "Its keeper climbs the stairs at dusk.",
  "He counts two hundred and twelve of",
  "them, and writes the number down in",
  "a book that nobody has ever asked to",
  "see. On the landing he rests, as his",
  "father did before him.",
];
const LEFT_TEXT = LEFT.join(" ").replace("quar- ries", "quarries");
/** Line by line over both columns, as some programs write them. */
const woven = (left: readonly PdfText[], right: readonly PdfText[]): PdfText[] =>
  left.flatMap((text, index) => [text, ...right.slice(index, index + 1)]);

test("columns are read one after the other, however the file orders them; a heading above both comes first", async () => {
  const left = lines(LEFT, { x: 72, y: 640 });
  const right = lines(RIGHT, { x: 320, y: 640 });
  const title = { text: "A Light at the End of the Land", x: 150, y: 700, size: 20 };
  assert.deepEqual(shown(await readTexts(...woven(left, right), title)), [
    ["heading", "A Light at the End of the Land"],
    ["paragraph", LEFT_TEXT],
    ["paragraph", RIGHT.join(" ")],
  ]);
});

test("columns whose lines stand at different heights are told apart too", async () => {
  const left = lines(LEFT, { x: 72, y: 640 });
  const right = lines(RIGHT, { x: 320, y: 634 });
  assert.deepEqual(
    shown(await readTexts(...woven(left, right))).map(([, text]) => text),
    [LEFT_TEXT, RIGHT.join(" ")],
  );
});

test("three columns, and a sentence that goes on in the next", async () => {
  const narrow = (first: string) => [
    first,
    "and the rest of it fills",
    "the column to its end so",
    "that nobody would think",
  ];
  const texts = [
    lines(narrow("The first begins here"), { x: 60, y: 600 }),
    lines(narrow("it was a table. Second"), { x: 230, y: 600 }),
    lines(narrow("at all. The third column"), { x: 400, y: 600 }),
  ];
  const { text } = await readTexts(...texts.flat().sort((a, b) => b.y - a.y));
  assert.match(
    text,
    /The first begins here .* think it was a table\. Second .* think at all\. The third/,
  );
});

test("text across the page between columns parts what is above from what is below", async () => {
  const wide =
    "This sentence runs from the left margin to the right one, over both of the columns, and ends.";
  const { text } = await readTexts(
    ...woven(lines(LEFT, { x: 72, y: 640 }), lines(RIGHT, { x: 320, y: 640 })),
    { text: wide, x: 72, y: 540 },
    ...woven(
      lines(
        LEFT.map((line) => line.toUpperCase()),
        { x: 72, y: 500 },
      ),
      lines(
        RIGHT.map((line) => line.replaceAll("e", "E")),
        { x: 320, y: 500 },
      ),
    ),
  );
  const places = ["The lighthouse", "Its keeper", "This sentence", "THE LIGHTHOUSE", "Its kEEpEr"];
  const found = places.map((place) => text.indexOf(place));
  assert.ok(
    found.every((at, index) => at >= 0 && at > (found[index - 1] ?? -1)),
    String(found),
  );
});

const HARBOURS = [
  ["Harbour", "Boats", "Depth in metres"],
  ["Cobb", "12", "4.5"],
  ["Port Ansel", "140", "11.0"],
  ["Sill", "", "2.8"],
];

test("a table keeps its rows, with empty cells, though it is drawn column by column", async () => {
  const table = columnsFirst(HARBOURS, { columns: [72, 200, 320], y: 640 });
  const caption = { text: "Table 1: Harbours of the coast, by boats", x: 72, y: 660 };
  const after = {
    text: "Depths were taken at low water in the spring of the year.",
    x: 72,
    y: 560,
  };
  assert.deepEqual(shown(await readTexts(after, ...table, caption)), [
    ["paragraph", "Table 1: Harbours of the coast, by boats"],
    [
      "table",
      "Harbour | Boats | Depth in metres\nCobb | 12 | 4.5\nPort Ansel | 140 | 11.0\nSill |  | 2.8",
    ],
    ["paragraph", "Depths were taken at low water in the spring of the year."],
  ]);
});

test("cells of several lines stay whole, and rows under one label stay rows", async () => {
  const wrapped = [
    ...lines(["Item", "Remark"], { x: 72, y: 640, leading: 0 }).map((text, index) => ({
      ...text,
      x: 72 + 100 * index,
    })),
    { text: "Lamp", x: 72, y: 620 },
    ...lines(["burns oil of the best kind only, which", "is brought in from the mainland"], {
      x: 172,
      y: 620,
    }),
    { text: "Rope", x: 72, y: 590 },
    { text: "of hemp", x: 172, y: 590 },
    { text: "new, forty metres", x: 172, y: 578 },
  ];
  assert.deepEqual(shown(await readTexts(...wrapped)), [
    [
      "table",
      "Item | Remark\nLamp | burns oil of the best kind only, which is brought in from the mainland\nRope | of hemp\n | new, forty metres",
    ],
  ]);
  const labels = columnsFirst(
    [
      ["Coast", "Cobb", "12"],
      ["", "Sill", "9"],
      ["Inland", "Caddow", "3"],
    ],
    { columns: [72, 172, 272], y: 640, leading: 12 },
  );
  assert.deepEqual(shown(await readTexts(...labels)), [
    ["table", "Coast | Cobb | 12\n | Sill | 9\nInland | Caddow | 3"],
  ]);
});

test("a cell that reaches over several columns leaves the others' rows as they are", async () => {
  const rows = [
    ["", "Spring", "Summer", "Autumn"],
    ["Boats", "10", "25", "14"],
    ["Crew", "", "", ""],
    ["Catch", "3 t", "9 t", "5 t"],
  ];
  const table = columnsFirst(rows, { columns: [72, 150, 230, 310], y: 640 });
  const spanning = { text: "as many as the boats need", x: 160, y: 608 };
  const [[kind, text] = []] = shown(await readTexts(...table, spanning));
  assert.equal(kind, "table");
  const found = text!.split("\n").map((line) => line.replace(/^\| |[ |]+$/g, "").trim());
  assert.deepEqual(found, [
    "Spring | Summer | Autumn",
    "Boats | 10 | 25 | 14",
    "Crew | as many as the boats need",
    "Catch | 3 t | 9 t | 5 t",
  ]);
});

test("lists are no tables: each entry is a paragraph, its mark before it", async () => {
  const entries = ["Bring the lamp down", "Trim the wick and fill it", "Carry it up again"];
  const list = entries.flatMap((text, index) => [
    { text: `${index + 1}.`, x: 72, y: 640 - 14 * index },
    { text, x: 100, y: 640 - 14 * index },
  ]);
  assert.deepEqual(shown(await readTexts(...list)), [
    ["paragraph", "1. Bring the lamp down"],
    ["paragraph", "2. Trim the wick and fill it"],
    ["paragraph", "3. Carry it up again"],
  ]);
});

test("an indent begins a paragraph; lines that end early on purpose keep their ends", async () => {
  const indented = lines(RIGHT, { x: 72, y: 640 }).map((text, index) =>
    index === 1 ? { ...text, x: 84 } : text,
  );
  const found = shown(await readTexts(...indented));
  assert.equal(found.length, 2);
  assert.match(found[1]![1], /^He counts/);
  const verses = [
    "Roses are red,",
    "the sea is very wide and deep and cold today,",
    "salt is white,",
    "so is snow.",
  ];
  const [[, verse] = []] = shown(await readTexts(...lines(verses, { x: 72, y: 640 })));
  assert.equal(verse, verses.join("\n"));
});

test("running heads, feet and page numbers go; a heading at the top of a page stays", async () => {
  const pages = [1, 2, 3, 4, 5, 6, 7].map((number) => ({
    texts: [
      { text: number % 2 === 0 ? "Coast Report" : "Of Harbours", x: 72, y: 760 },
      { text: "Findings", x: 72, y: 700, size: 16 },
      ...lines(
        [`The text of page number ${number} begins here`, "and goes on below it for a while."],
        { x: 72, y: 680 },
      ),
      { text: `Page ${number} of 7`, x: 280, y: 40 },
    ],
  }));
  const parsed = await read(...pages);
  assert.doesNotMatch(parsed.text, /Coast Report|Of Harbours|of 7/);
  assert.equal(parsed.blocks.filter(({ kind }) => kind === "heading").length, 7);
  const third = parsed.blocks.find(({ start, end }) =>
    parsed.text.slice(start, end).includes("number 3"),
  );
  assert.equal(third?.page, 3);
  const short = await read(
    { texts: [...lines(LEFT, { x: 72, y: 700 }), { text: "1", x: 300, y: 40 }] },
    { texts: [...lines(RIGHT, { x: 72, y: 700 }), { text: "2", x: 300, y: 40 }] },
  );
  assert.equal(short.text, `${LEFT_TEXT}\n\n${RIGHT.join(" ")}`);
});

test("rows of numbers at the edges of pages stay, and so do a table's repeated headings, once", async () => {
  let amount = 100;
  const statement = Array.from({ length: 4 }, (_, page) => {
    const rows = Array.from({ length: 7 }, (_, row) => {
      amount += 7;
      return [`2024-0${page + 1}-1${row}`, `${amount}.50`, `${amount * 3}.25`];
    });
    return [["Date", "Amount", "Balance"], ...rows];
  });
  const pages = statement.map((rows) => ({
    texts: columnsFirst(rows, { columns: [60, 200, 340], y: 740 }),
  }));
  const { text } = await read(...pages);
  const cells = statement.flat().flat();
  assert.deepEqual(
    [...new Set(cells)].filter((cell) => !text.includes(cell)),
    [],
  );
  assert.equal(text.match(/Balance/g)?.length, 1);
});

test("a running head with a page number of the book's own goes as a whole", async () => {
  const page = (number: number) => ({
    texts: [
      { text: "Harbour Lights", x: 72, y: 760 },
      { text: `${number + 17}`, x: 500, y: 760 },
      ...lines([`Page ${number} tells of a ship.`, "It came in at dawn."], { x: 72, y: 700 }),
      ...lines(["Nobody was on board, and", "the sails were set."], { x: 72, y: 660 }),
    ],
  });
  const { text } = await read(...[1, 2, 3, 4].map(page));
  assert.doesNotMatch(text, /Harbour|18|21/);
  assert.match(text, /Page 4 tells/);
});

test("a page that is stored turned is read as it is shown; what stands sideways comes last", async () => {
  // Shown a quarter turn clockwise, x becomes height: what is drawn upwards reads to the right.
  const turned = lines(RIGHT, { x: 0, y: 0 }).map(({ text }, index) => ({
    text,
    x: 100 + 12 * index,
    y: 72,
    isSideways: true,
  }));
  const { text } = await read({ rotate: 90, texts: [...turned].reverse() });
  assert.equal(text, RIGHT.join(" "));
  const stamp = { text: "archive copy 77", x: 20, y: 300, isSideways: true };
  assert.deepEqual(
    shown(await readTexts(stamp, ...lines(LEFT, { x: 72, y: 640 }))).map(([, part]) => part),
    [LEFT_TEXT, "archive copy 77"],
  );
});

test("raised digits do not join the number before them, and tiny marks are no text", async () => {
  const { text } = await readTexts(
    { text: "Boats in harbour: 8,935", x: 72, y: 640 },
    { text: "2", x: 176, y: 644, size: 6 },
    { text: "id-4711", x: 500, y: 640, size: 1 },
  );
  assert.equal(text, "Boats in harbour: 8,935²");
});

test("a table of contents keeps an entry a line, its dots as one sign", async () => {
  const entries = ["The lamp", "The stairs and the landing", "The book"];
  const contents = entries.map((text, index) => ({
    text: `${text} ${".".repeat(60 - text.length)} ${index + 3}`,
    x: 72,
    y: 640 - 14 * index,
  }));
  const { text } = await readTexts(...contents);
  assert.equal(text, "The lamp … 3\nThe stairs and the landing … 4\nThe book … 5");
});

test("sizes of headings are levels", async () => {
  const { text, blocks } = await readTexts(
    { text: "Report", x: 72, y: 720, size: 24 },
    { text: "Harbours", x: 72, y: 680, size: 16 },
    ...lines(LEFT, { x: 72, y: 660 }),
    { text: "Depths", x: 72, y: 560, size: 16 },
    ...lines(RIGHT, { x: 72, y: 540 }),
  );
  assert.deepEqual(
    blocks.flatMap(({ level, start, end }) => (level ? [[level, text.slice(start, end)]] : [])),
    [
      [1, "Report"],
      [2, "Harbours"],
      [2, "Depths"],
    ],
  );
});

test("a centred title of two lines is one heading", async () => {
  // Helvetica's widths: "Harbours" 4.112 font sizes, a space 0.278.
  const second = 72 + (4.112 + 0.278) * 24;
  const { text, blocks } = await readTexts(
    { text: "Harbours Harbours Harbours", x: 72, y: 720, size: 24 },
    { text: "Harbours", x: second, y: 692, size: 24 },
    ...lines(LEFT, { x: 72, y: 640 }),
  );
  assert.deepEqual(
    blocks.map(({ kind, start, end }) => [kind, text.slice(start, end)]),
    [
      ["heading", "Harbours Harbours Harbours Harbours"],
      ["paragraph", LEFT_TEXT],
    ],
  );
});

/** Blocks of a page with texts from right to left, where they have letters: [text, left edge, width, from the bottom]. */
function readFromRight(texts: readonly (readonly [string, number, number, number])[]) {
  const items = texts.map(([text, x, width, y]) => ({
    ...{ text, x, y, end: x + width, size: 10 },
    isRightToLeft: /\p{L}/u.test(text),
  }));
  const builder = new DocumentBuilder();
  addPdfBlocks([{ items, turned: [] }], builder);
  return shown(builder.finish());
}

test("a row from right to left is read from the right, whatever gaps are in it", () => {
  const row = [
    ["עולם", 200, 30, 700],
    ["שלום", 300, 30, 700],
    ["1948", 100, 20, 700],
  ] as const;
  assert.deepEqual(readFromRight(row), [["paragraph", "שלום עולם 1948"]]);
});

test("columns from right to left: the right one is read first", () => {
  const column = (text: string, x: number) =>
    Array.from(
      { length: 5 },
      (_, at) => [`${text} ${text} ${text} ${text}`, x, 200, 700 - 12 * at] as const,
    );
  const whole = (text: string) => Array.from({ length: 20 }, () => text).join(" ");
  assert.deepEqual(readFromRight([...column("המגדלור", 72), ...column("השומר", 320)]), [
    ["paragraph", whole("השומר")],
    ["paragraph", whole("המגדלור")],
  ]);
});

test("a table from right to left begins with its right column; a cell that goes on is one", () => {
  const table = [
    ["שם", 400, 20, 700],
    ["תיאור", 250, 40, 700],
    ["גובה", 100, 30, 700],
    ["כף", 400, 20, 684],
    ["מגדל גבוה של אבן", 200, 90, 684],
    ["38", 110, 20, 684],
    ["ולבנים אדומות", 220, 70, 672],
    ["נמל", 400, 20, 656],
    ["פנס", 270, 20, 656],
    ["12", 110, 20, 656],
  ] as const;
  assert.deepEqual(readFromRight(table), [
    ["table", "שם | תיאור | גובה\nכף | מגדל גבוה של אבן ולבנים אדומות | 38\nנמל | פנס | 12"],
  ]);
});

test("text in Japanese fonts that the file does not hold is read, whichever encoding they name", async () => {
  const parsed = await parsePdf(
    japanesePdf([
      ["90ms-RKSJ-H", "93fa967b8cea"],
      ["UniJIS-UTF16-H", "65e5672c8a9e"],
      ["Identity-H", "04d10d50"],
    ]),
  );
  assert.deepEqual(
    shown(parsed).map(([, text]) => text),
    ["日本語", "日本語", "丑伴"],
  );
});
