import { RagError } from "../../core/index.ts";
import { DocumentBuilder } from "./document-builder.ts";
import { PageBreakStyles } from "./open-document-pages.ts";
import { OpenDocumentWalk } from "./open-document-walk.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { textInside, walkXml } from "./xml.ts";
import { unzip } from "./zip.ts";

/**
 * An OpenDocument file: text (.odt), spreadsheet (.ods: a sheet is a heading and a table) or presentation (.odp: a slide is a page).
 * @throws RagError file/invalid, file/unsupported (encrypted), file/too-large
 */
export function parseOpenDocument(bytes: Uint8Array): ParsedDocument {
  const parts = unzip(bytes, (name) =>
    /^(content|meta|styles|META-INF\/manifest)\.xml$/.test(name),
  );
  refuseEncrypted(parts.get("META-INF/manifest.xml"));
  const content = parts.get("content.xml");
  if (!content) {
    throw new RagError(
      "file/invalid",
      "is no OpenDocument file: it lacks content.xml; check its extension.",
    );
  }
  const builder = new DocumentBuilder();
  const styles = new PageBreakStyles();
  const common = parts.get("styles.xml");
  if (common) walkXml(common, styles);
  // Also in text:use-soft-page-breaks, which a text of several pages has even where styles begin them all.
  const hasPages = Buffer.from(content).includes("soft-page-break");
  const walk = new OpenDocumentWalk(builder, styles, hasPages);
  walkXml(content, walk);
  walk.finish();
  return builder.finish(textInside(parts.get("meta.xml"), "title"));
}

function refuseEncrypted(manifest: Uint8Array | undefined): void {
  if (!manifest) return;
  walkXml(manifest, {
    open: (name) => {
      if (name !== "encryption-data") return;
      throw new RagError("file/unsupported", "is encrypted; remove its password first.");
    },
  });
}
