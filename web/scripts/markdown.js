import { h } from "./dom.js";

/**
 * The part of Markdown that answers use, as nodes: paragraphs, headings, lists, quotes, code, tables, emphasis, links. Whatever is
 * not recognised stays text; there is no way to any other element, and links go to the web only.
 * `reference`: makes the node for `[n]`, or nothing where n is no passage.
 * @param {string} text
 * @param {(number: number) => Node | undefined} [reference]
 * @returns {DocumentFragment}
 */
export function markdown(text, reference = () => undefined) {
  const out = document.createDocumentFragment();
  out.append(...blocks(text.replaceAll("\r\n", "\n").split("\n"), reference));
  return out;
}

/** @typedef {(number: number) => Node | undefined} Reference */
/** @typedef {{ nodes: Node[], next: number }} Taken */

const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
/** What begins code, with whatever is told about it: a language, and perhaps more. */
const FENCE = /^\s*(`{3,}|~{3,}(?!~))([^`]*)$/;
const STARTS = [
  /^#{1,6}\s/,
  FENCE,
  /^\s*>/,
  ITEM,
  /^\s*([-*_])(?:\s*\1){2,}\s*$/,
  /^\s*\|.*\|\s*$/,
];
const MAX_DEPTH = 6;

/**
 * @param {string[]} lines
 * @param {Reference} reference
 * @param {number} [depth]
 * @returns {Node[]}
 */
function blocks(lines, reference, depth = 0) {
  /** @type {Node[]} */
  const nodes = [];
  let index = 0;
  while (index < lines.length) {
    const taken = takeBlock(lines, index, reference, depth);
    nodes.push(...taken.nodes);
    index = taken.next;
  }
  return nodes;
}

/**
 * @param {string[]} lines
 * @param {number} index
 * @param {Reference} reference
 * @param {number} depth
 * @returns {Taken}
 */
function takeBlock(lines, index, reference, depth) {
  const line = lines[index] ?? "";
  if (line.trim() === "") return { nodes: [], next: index + 1 };
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) {
    const level = Math.min(6, (heading[1] ?? "").length + 2);
    const tag = /** @type {"h3" | "h4" | "h5" | "h6"} */ (`h${level}`);
    return { nodes: [h(tag, {}, ...inline(heading[2] ?? "", reference))], next: index + 1 };
  }
  if (FENCE.test(line)) return takeCode(lines, index);
  if (depth < MAX_DEPTH && /^\s*>/.test(line)) return takeQuote(lines, index, reference, depth);
  if (depth < MAX_DEPTH && ITEM.test(line)) return takeList(lines, index, reference, depth);
  if (/^\s*([-*_])(?:\s*\1){2,}\s*$/.test(line)) return { nodes: [h("hr")], next: index + 1 };
  if (isTable(lines, index)) return takeTable(lines, index, reference);
  return takeParagraph(lines, index, reference);
}

/** @param {string[]} lines @param {number} index @param {Reference} reference @returns {Taken} */
function takeParagraph(lines, index, reference) {
  let next = index + 1;
  while (next < lines.length && !isStart(lines[next] ?? "")) next++;
  /** @type {Node[]} */
  const content = [];
  for (const [place, line] of lines.slice(index, next).entries()) {
    if (place > 0) content.push(h("br"));
    content.push(...inline(line, reference));
  }
  return { nodes: [h("p", {}, ...content)], next };
}

/** @param {string} line */
const isStart = (line) => line.trim() === "" || STARTS.some((start) => start.test(line));

/** @param {string[]} lines @param {number} index @returns {Taken} */
function takeCode(lines, index) {
  const [, fence = "```", about = ""] = FENCE.exec(lines[index] ?? "") ?? [];
  const language = /^\s*([\w+-]+)/.exec(about)?.[1];
  let next = index + 1;
  while (next < lines.length && (lines[next] ?? "").trim() !== fence) next++;
  const code = h("code", { "data-language": language }, lines.slice(index + 1, next).join("\n"));
  return { nodes: [h("pre", { tabindex: "0" }, code)], next: next + 1 };
}

/** @param {string[]} lines @param {number} index @param {Reference} reference @param {number} depth @returns {Taken} */
function takeQuote(lines, index, reference, depth) {
  let next = index;
  const inner = [];
  while (next < lines.length && /^\s*>/.test(lines[next] ?? "")) {
    inner.push((lines[next] ?? "").replace(/^\s*>\s?/, ""));
    next++;
  }
  return { nodes: [h("blockquote", {}, ...blocks(inner, reference, depth + 1))], next };
}

/** @param {string[]} lines @param {number} index @param {Reference} reference @param {number} depth @returns {Taken} */
function takeList(lines, index, reference, depth) {
  const [, indent = "", number] = ITEM.exec(lines[index] ?? "") ?? [];
  const list = h(number === undefined ? "ul" : "ol", number === undefined ? {} : { start: number });
  let next = index;
  while (next < lines.length) {
    const item = ITEM.exec(lines[next] ?? "");
    if (!item || (item[1] ?? "").length !== indent.length) break;
    const inner = [];
    let end = next + 1;
    while (end < lines.length && belongsTo(lines[end] ?? "", indent.length)) {
      inner.push(lines[end] ?? "");
      end++;
    }
    const content = inline(item[3] ?? "", reference);
    list.append(h("li", {}, ...content, ...blocks(inner, reference, depth + 1)));
    next = end;
  }
  return { nodes: [list], next };
}

/** @param {string} line @param {number} indent */
const belongsTo = (line, indent) =>
  line.trim() !== "" && line.length - line.trimStart().length > indent;

/** @param {string[]} lines @param {number} index */
const isTable = (lines, index) =>
  /^\s*\|.*\|\s*$/.test(lines[index] ?? "") && /^\s*\|[\s|:-]+\|\s*$/.test(lines[index + 1] ?? "");

/** @param {string[]} lines @param {number} index @param {Reference} reference @returns {Taken} */
function takeTable(lines, index, reference) {
  /** @param {string} line @param {"th" | "td"} tag */
  const row = (line, tag) =>
    h(
      "tr",
      {},
      ...line
        .trim()
        .slice(1, -1)
        .split("|")
        .map((cell) => h(tag, {}, ...inline(cell.trim(), reference))),
    );
  let next = index + 2;
  const body = h("tbody");
  while (next < lines.length && /^\s*\|.*\|\s*$/.test(lines[next] ?? "")) {
    body.append(row(lines[next] ?? "", "td"));
    next++;
  }
  return { nodes: [h("table", {}, h("thead", {}, row(lines[index] ?? "", "th")), body)], next };
}

/** Code, strong, emphasised, link, reference: the first that matches from the left. */
const INLINE =
  /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)|\[(\d{1,2})\]/;

/** @param {string} text @param {Reference} reference @returns {Node[]} */
function inline(text, reference) {
  /** @type {Node[]} */
  const nodes = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    if (match.index > 0) nodes.push(document.createTextNode(rest.slice(0, match.index)));
    nodes.push(inlineNode(match, reference));
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest !== "") nodes.push(document.createTextNode(rest));
  return nodes;
}

/** @param {RegExpExecArray} match @param {Reference} reference @returns {Node} */
function inlineNode([whole, code, strong, emphasis, label, address, number], reference) {
  if (code !== undefined) return h("code", {}, code);
  if (strong !== undefined) return h("strong", {}, ...inline(strong, reference));
  if (emphasis !== undefined) return h("em", {}, ...inline(emphasis, reference));
  if (label !== undefined) {
    return h("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank" }, label);
  }
  return reference(Number(number)) ?? document.createTextNode(whole ?? "");
}
