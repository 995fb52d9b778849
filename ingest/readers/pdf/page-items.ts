import type { getDocumentProxy } from "unpdf";

export type PdfDocument = Awaited<ReturnType<typeof getDocumentProxy>>;

/** A run of text as the page shows it upright: points from the page's left edge and from its bottom. */
export interface PageItem {
  readonly text: string;
  readonly x: number;
  /** Of its baseline. */
  readonly y: number;
  readonly end: number;
  readonly size: number;
  readonly isRightToLeft: boolean;
}

/** A page's text: what stands upright, and what is turned, as in a margin, in the file's order. */
export interface PageText {
  readonly items: readonly PageItem[];
  readonly turned: readonly string[];
}

/** Smaller text cannot be read: marks that programs leave for themselves. */
const MIN_SIZE = 2.5;
/** A run is upright when its baseline rises less than this share of its length. */
const MAX_SLOPE = 0.05;
/** Letters of a font's own, such as pictures in place of letters, mean nothing outside it. */
const PRIVATE_LETTERS = /\p{Co}/gu;

/** The text of one page; the page's memory is freed. `number` from 1. */
export async function readPage(pdf: PdfDocument, number: number): Promise<PageText> {
  const page = await pdf.getPage(number);
  try {
    // A page may be stored turned; the viewport says how it is shown, y downwards.
    const { transform: view, height } = page.getViewport({ scale: 1 });
    const { items } = await page.getTextContent();
    const upright: PageItem[] = [];
    const turned: string[] = [];
    for (const item of items) {
      if (!("str" in item)) continue;
      const text = item.str.replace(PRIVATE_LETTERS, "");
      const [a, b, c, d, x, y] = multiply(view, item.transform);
      const size = Math.hypot(c, d);
      if (text.trim() === "" || size < MIN_SIZE) continue;
      if (a <= 0 || Math.abs(b) > MAX_SLOPE * a) turned.push(text);
      else {
        const isRightToLeft = item.dir === "rtl";
        upright.push({ text, x, y: height - y, end: x + item.width, size, isRightToLeft });
      }
    }
    return { items: withoutCopies(upright), turned };
  } finally {
    page.cleanup();
  }
}

type Matrix = readonly [number, number, number, number, number, number];

/** @see ISO 32000-1, 8.3.4 */
function multiply(outer: readonly number[], inner: readonly number[]): Matrix {
  const [a, b, c, d, e, f] = outer as Matrix;
  const [g, h, i, j, k, l] = inner as Matrix;
  return [
    a * g + c * h,
    b * g + d * h,
    a * i + c * j,
    b * i + d * j,
    a * k + c * l + e,
    b * k + d * l + f,
  ];
}

/** Bold letters are sometimes made by writing twice, a hair apart. */
function withoutCopies(items: readonly PageItem[]): PageItem[] {
  const seen = new Map<string, PageItem[]>();
  return items.filter((item) => {
    const alike = seen.get(item.text) ?? [];
    const near = item.size * 0.1;
    if (alike.some(({ x, y }) => Math.abs(x - item.x) < near && Math.abs(y - item.y) < near)) {
      return false;
    }
    seen.set(item.text, [...alike.slice(-8), item]);
    return true;
  });
}
