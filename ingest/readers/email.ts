import PostalMime, { type Address } from "postal-mime";
import { DocumentBuilder } from "./document-builder.ts";
import { addHtmlFragment } from "./html.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { parsePlainText } from "./plain-text.ts";

const MAX_DEPTH = 50;

/** A mail (.eml): its subject, who wrote to whom and when, its text; attachments by their names. @see RFC 5322, RFC 2045 */
export async function parseEmail(bytes: Uint8Array): Promise<ParsedDocument> {
  const mail = await PostalMime.parse(bytes, { maxNestingDepth: MAX_DEPTH });
  const builder = new DocumentBuilder();
  const subject = mail.subject?.trim() ?? "";
  builder.add("heading", subject, { level: 1 });
  const head = [
    ["From", mail.from ? addressText(mail.from) : ""],
    ["To", (mail.to ?? []).map(addressText).join(", ")],
    ["Cc", (mail.cc ?? []).map(addressText).join(", ")],
    ["Date", mail.date ?? ""],
    [
      "Attachments",
      mail.attachments
        .map(({ filename }) => filename ?? "")
        .filter(Boolean)
        .join(", "),
    ],
  ];
  const lines = head
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}`);
  builder.add("paragraph", lines.join("\n"));
  if (mail.text?.trim()) {
    const { text, blocks } = parsePlainText(mail.text.replace(/\r\n?/g, "\n"));
    for (const { kind, start, end } of blocks) builder.add(kind, text.slice(start, end));
  } else if (mail.html) addHtmlFragment(mail.html, builder);
  return builder.finish(subject);
}

function addressText({ name, address, group }: Address): string {
  if (group) return `${name}: ${group.map(addressText).join(", ")}`;
  return name && address ? `${name} <${address}>` : (address ?? name ?? "");
}
