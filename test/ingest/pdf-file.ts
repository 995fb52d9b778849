/** Text on a page: points from the left and from the bottom. */
export interface PdfText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** 10 unless given. */
  readonly size?: number;
  /** Upwards instead of to the right. */
  readonly isSideways?: boolean;
}

export interface PdfPage {
  readonly texts: readonly PdfText[];
  /** How far a viewer turns the page clockwise. */
  readonly rotate?: 0 | 90;
}

/** A PDF with text in Helvetica, drawn in the order given. @see ISO 32000-1, annex H.3 */
export function pdfFile(pages: readonly PdfPage[]): Uint8Array {
  const font = 3 + 2 * pages.length;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, index) => `${3 + 2 * index} 0 R`).join(" ")}] >>`,
    ...pages.flatMap(({ texts, rotate = 0 }, index) => {
      const drawn = texts.map(drawing).join("\n");
      const resources = `/Resources << /Font << /F ${font} 0 R >> >>`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Rotate ${rotate} ${resources} /Contents ${4 + 2 * index} 0 R >>`,
        `<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`,
      ];
    }),
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
  ];
  return fileOf(objects);
}

/** A PDF with a line for each code in a Japanese font that it does not hold: [the font's encoding, the codes in hexadecimal digits]. */
export function japanesePdf(lines: readonly (readonly [encoding: string, codes: string])[]) {
  const drawn = lines
    .map(([, codes], index) => `BT /F${index} 12 Tf 72 ${700 - 40 * index} Td <${codes}> Tj ET`)
    .join("\n");
  const fonts = lines.map((_, index) => `/F${index} ${5 + 2 * index} 0 R`).join(" ");
  const name = "/BaseFont /Ryumin-Light";
  return fileOf([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << ${fonts} >> >> /Contents 4 0 R >>`,
    `<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`,
    ...lines.flatMap(([encoding], index) => [
      `<< /Type /Font /Subtype /Type0 ${name} /Encoding /${encoding} /DescendantFonts [${6 + 2 * index} 0 R] >>`,
      `<< /Type /Font /Subtype /CIDFontType0 ${name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /DW 1000 /FontDescriptor << /Type /FontDescriptor /FontName /Ryumin-Light /Flags 4 /FontBBox [0 -200 1000 800] /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 /ItalicAngle 0 >> >>`,
    ]),
  ]);
}

function fileOf(objects: readonly string[]): Uint8Array {
  let file = "%PDF-1.4\n";
  const offsets = objects.map((body, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const size = objects.length + 1;
  file += `xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
  return new Uint8Array(Buffer.from(file, "latin1"));
}

function drawing({ text, x, y, size = 10, isSideways = false }: PdfText): string {
  const matrix = isSideways ? `0 1 -1 0 ${x} ${y}` : `1 0 0 1 ${x} ${y}`;
  return `BT /F ${size} Tf ${matrix} Tm (${text.replace(/[\\()]/g, "\\$&")}) Tj ET`;
}

/** Lines one below the other, 12 points apart unless `leading` says otherwise. */
export function lines(
  texts: readonly string[],
  place: {
    readonly x: number;
    readonly y: number;
    readonly size?: number;
    readonly leading?: number;
  },
): PdfText[] {
  const { x, y, leading = 12, size = 10 } = place;
  return texts.map((text, index) => ({ text, x, y: y - index * leading, size }));
}

/** A table drawn column by column: the file's order is not the reader's. `columns`: where each begins. */
export function columnsFirst(
  rows: readonly (readonly string[])[],
  place: { readonly columns: readonly number[]; readonly y: number; readonly leading?: number },
): PdfText[] {
  const { columns, y, leading = 16 } = place;
  return columns.flatMap((x, column) =>
    rows.flatMap((row, index) => {
      const text = row[column] ?? "";
      return text === "" ? [] : [{ text, x, y: y - index * leading }];
    }),
  );
}
