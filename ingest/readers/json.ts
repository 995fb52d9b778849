import { parseJson as parseJsonText, RagError } from "../../core/index.ts";
import { DocumentBuilder } from "./document-builder.ts";
import { isWrittenOtherwise, numbersAsText } from "./json-numbers.ts";
import type { ParsedDocument } from "./parsed-document.ts";

const MAX_DEPTH = 200;

/**
 * A .json file as lines `name: value`, indented by their depth, so that words and names are found without brackets and quotes. Each
 * member of the outermost list or object is a block of its own. Numbers keep all their digits. A member "title" (or "name") at the top is the document's title.
 * @throws RagError file/invalid
 */
export function parseJson(text: string): ParsedDocument {
  const value = parseJsonText(
    numbersAsText(text, isWrittenOtherwise),
    (problem) => new RagError("file/invalid", `is ${problem}; correct it.`),
  );
  const builder = new DocumentBuilder();
  if (Array.isArray(value)) {
    for (const item of value) builder.add("code", linesOf(item, 0).join("\n"));
  } else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) {
      builder.add("code", member(name, item, 0).join("\n"));
    }
  } else builder.add("paragraph", String(value));
  const named = isObject(value) ? (value["title"] ?? value["name"]) : undefined;
  return builder.finish(typeof named === "string" ? named : "");
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function linesOf(value: unknown, depth: number): string[] {
  if (depth > MAX_DEPTH) throw new RagError("file/invalid", "is nested too deeply.");
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const [first = "", ...rest] = linesOf(item, depth + 1);
      return [`${indent(depth)}- ${first.trimStart()}`, ...rest];
    });
  }
  if (isObject(value)) {
    return Object.entries(value).flatMap(([name, item]) => member(name, item, depth));
  }
  return [`${indent(depth)}${String(value)}`];
}

function member(name: string, value: unknown, depth: number): string[] {
  const isScalar = typeof value !== "object" || value === null;
  if (isScalar) return [`${indent(depth)}${name}: ${String(value)}`];
  const lines = linesOf(value, depth + 1);
  return lines.length === 0 ? [] : [`${indent(depth)}${name}:`, ...lines];
}

const indent = (depth: number) => "  ".repeat(depth);
