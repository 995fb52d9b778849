import type { DocumentBuilder } from "./document-builder.ts";
import type { BlockKind } from "./parsed-document.ts";

/** A block of a slide. */
export interface SlideBlock {
  readonly kind: BlockKind;
  readonly text: string;
  /** Of a heading. */
  readonly level?: number;
  /** Whether it stands where the slide has its title. */
  readonly isTitle: boolean;
}

/** Adds a slide: its title first, wherever it is drawn. A slide without one stands under none, not under that of the slide before. */
export function addSlide(
  builder: DocumentBuilder,
  blocks: readonly SlideBlock[],
  place: { readonly page?: number },
): void {
  const titles = blocks.filter(({ isTitle }) => isTitle);
  if (titles.length === 0) builder.endSection(place);
  for (const { kind, text, level } of [...titles, ...blocks.filter(({ isTitle }) => !isTitle)]) {
    builder.add(kind, text, { ...(level === undefined ? {} : { level }), ...place });
  }
}
