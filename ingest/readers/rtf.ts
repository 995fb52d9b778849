import { DocumentBuilder } from "./document-builder.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { characterSetEncoding, codePageEncoding, decodeCodePage } from "./rtf-encoding.ts";
import { RtfText } from "./rtf-text.ts";
import { type RtfToken, rtfTokens } from "./rtf-tokens.ts";
import { raised } from "./superscript.ts";

/** Groups that hold no text of the document. @see RTF 1.9.1, "Destinations" */
const LEFT_OUT = new Set(
  (
    "colortbl pict object objdata themedata colorschememapping datastore latentstyles listtable listoverridetable rsidtbl generator " +
    "xmlnstbl filetbl revtbl fldinst datafield bkmkstart bkmkend annotation atnid atnauthor atntime atnicn atnref nonshppict shppict " +
    "footnotesep ftnsep ftnsepc aftnsep aftnsepc pgptbl mmathPr author operator company category keywords comment doccomm subject " +
    "creatim revtim printim buptim vern version hlinkbase manager userprops upr blipuid sp wgrffmtfilter passwordhash tc xe shprslt"
  ).split(" "),
);
const HEADERS = new Set("header headerl headerr headerf".split(" "));
const FOOTERS = new Set("footer footerl footerr footerf".split(" "));
const SYMBOLS: ReadonlyMap<string, string> = new Map([
  ["~", "\u00a0"],
  ["_", "-"],
  ["tab", "\t"],
  ["emdash", "—"],
  ["endash", "–"],
  ["bullet", "•"],
  ["lquote", "‘"],
  ["rquote", "’"],
  ["ldblquote", "“"],
  ["rdblquote", "”"],
  ["emspace", " "],
  ["enspace", " "],
  ["qmspace", " "],
  ["line", "\n"],
  ["\\", "\\"],
  ["{", "{"],
  ["}", "}"],
]);
const MAX_DEPTH = 10_000;

/** What a group inherits and its end undoes. */
interface State {
  destination: "body" | "fonts" | "styles" | "title" | "header" | "footer" | "note" | "skip";
  font: number;
  /** Bytes that stand after \u for readers without Unicode. */
  fallbackLength: number;
  isHidden: boolean;
  isRaised: boolean;
  isGroupStart: boolean;
  isOptional: boolean;
}

/** A Rich Text document: headings by their styles or outline levels, tables, lists; headers and footers once, notes at the end. */
export function parseRtf(bytes: Uint8Array): ParsedDocument {
  const reader = new RtfReader();
  for (const token of rtfTokens(bytes)) reader.take(token);
  return reader.finish();
}

class RtfReader {
  readonly #text = new RtfText();
  readonly #stack: State[] = [];
  readonly #fontEncodings = new Map<number, string>();
  readonly #headingStyles = new Map<number, number>();
  #encoding = "windows-1252";
  #state: State = {
    destination: "body",
    font: -1,
    fallbackLength: 1,
    isHidden: false,
    isRaised: false,
    isGroupStart: false,
    isOptional: false,
  };
  #pending: number[] = [];
  #fallbackLeft = 0;
  #defined = 0;
  #definition = "";
  #title = "";

  take(token: RtfToken): void {
    if (token.kind === "bytes") {
      for (const byte of token.bytes) this.#byte(byte);
      return;
    }
    this.#endBytes();
    if (token.kind === "open") {
      if (this.#stack.length < MAX_DEPTH) this.#stack.push({ ...this.#state });
      this.#state.isGroupStart = true;
      this.#state.isOptional = false;
      this.#fallbackLeft = 0;
    } else if (token.kind === "close") this.#closeGroup();
    else this.#control(token.word, token.value);
  }

  finish(): ParsedDocument {
    this.#endBytes();
    const builder = new DocumentBuilder();
    this.#text.addTo(builder);
    return builder.finish(this.#title);
  }

  #byte(byte: number): void {
    this.#state.isGroupStart = false;
    if (this.#fallbackLeft > 0) this.#fallbackLeft--;
    else this.#pending.push(byte);
  }

  /** Bytes are decoded together: a character may have two. */
  #endBytes(): void {
    if (this.#pending.length === 0) return;
    const encoding = this.#fontEncodings.get(this.#state.font) ?? this.#encoding;
    const text = decodeCodePage(Uint8Array.from(this.#pending), encoding);
    this.#pending = [];
    this.#emit(text);
  }

  #emit(text: string): void {
    const { destination, isHidden, isRaised } = this.#state;
    if (destination === "styles") this.#definition += text;
    else if (destination === "title") this.#title += text;
    else if (isText(destination) && !isHidden)
      this.#text.append(isRaised ? raised(text) : text, destination);
  }

  #closeGroup(): void {
    const { destination } = this.#state;
    if (destination === "styles") this.#endStyle();
    const before = this.#stack.pop();
    if (before) this.#state = before;
    this.#state.isGroupStart = false;
    this.#fallbackLeft = 0;
    const isOver = destination !== this.#state.destination;
    if (isOver && isText(destination)) this.#text.endParagraph(destination);
  }

  #control(word: string, value: number | undefined): void {
    const state = this.#state;
    if (word === "*") {
      state.isOptional = true;
      return;
    }
    if (state.isGroupStart && this.#enterDestination(word)) return;
    // A group for readers that know more holds nothing this one could show.
    if (
      state.isGroupStart &&
      state.isOptional &&
      state.destination === "body" &&
      !KNOWN.has(word)
    ) {
      state.destination = "skip";
    }
    state.isGroupStart = false;
    const symbol = SYMBOLS.get(word);
    if (word === "u") this.#unicode(value ?? 0);
    else if (symbol !== undefined && this.#fallbackLeft > 0) this.#fallbackLeft--;
    else if (symbol !== undefined) this.#emit(symbol);
    else if (!this.#define(word, value)) this.#format(word, value);
  }

  #enterDestination(word: string): boolean {
    const state = this.#state;
    const named = DESTINATIONS.get(word);
    const isNote = word === "footnote";
    if (state.destination === "skip") return true;
    if (named !== undefined) state.destination = named;
    else if (HEADERS.has(word)) state.destination = "header";
    else if (FOOTERS.has(word)) state.destination = "footer";
    else if (isNote) state.destination = "note";
    else if (LEFT_OUT.has(word)) state.destination = "skip";
    else return false;
    if (isNote) this.#text.beginNote();
    state.isGroupStart = false;
    return true;
  }

  #unicode(value: number): void {
    this.#emit(String.fromCharCode(value < 0 ? value + 65_536 : value));
    this.#fallbackLeft = this.#state.fallbackLength;
  }

  /** Words that define fonts, styles and encodings. */
  #define(word: string, value = 0): boolean {
    const { destination } = this.#state;
    if (word === "ansicpg") this.#encoding = codePageEncoding(value);
    else if (word === "mac") this.#encoding = "macintosh";
    else if (word === "uc") this.#state.fallbackLength = Math.max(0, Math.min(value, 16));
    else if (word === "f" && destination === "fonts") this.#defined = value;
    else if (word === "fcharset" && destination === "fonts") {
      const encoding = characterSetEncoding(value);
      if (encoding) this.#fontEncodings.set(this.#defined, encoding);
    } else if (word === "s" && destination === "styles") this.#defined = value;
    else return false;
    return true;
  }

  #endStyle(): void {
    const name = this.#definition.replace(/;.*$/s, "").trim();
    const level = /^heading (\d)/i.exec(name)?.[1] ?? (/^title$/i.test(name) ? "1" : undefined);
    if (level !== undefined && this.#defined > 0)
      this.#headingStyles.set(this.#defined, Number(level));
    this.#definition = "";
    this.#defined = 0;
  }

  #format(word: string, value: number | undefined): void {
    const { destination } = this.#state;
    if (!isText(destination)) return;
    if (word === "f") this.#state.font = value ?? 0;
    else if (word === "v" || word === "deleted") this.#state.isHidden = value !== 0;
    else if (word === "super") this.#state.isRaised = value !== 0;
    else if (word === "nosupersub" || word === "sub") this.#state.isRaised = false;
    else if (word === "plain") this.#state.isHidden = this.#state.isRaised = false;
    else if (word === "par" || word === "sect") this.#text.endParagraph(destination);
    else if (word === "page") this.#text.endParagraph(destination);
    else if (destination !== "body") return;
    else if (word === "pard") this.#text.resetParagraph();
    else if (word === "intbl") this.#text.isInTable = true;
    else if (word === "cell" || word === "nestcell") this.#text.endCell();
    else if (word === "row" || word === "nestrow") this.#text.endRow();
    else if (word === "s") this.#text.level = this.#headingStyles.get(value ?? 0);
    else if (word === "outlinelevel" && (value ?? 9) < 9) this.#text.level ??= (value ?? 0) + 1;
    else if (word === "chftn") this.#text.markNote(destination);
  }
}

type TextDestination = Extract<State["destination"], "body" | "header" | "footer" | "note">;

const isText = (destination: State["destination"]): destination is TextDestination =>
  destination === "body" ||
  destination === "header" ||
  destination === "footer" ||
  destination === "note";

const DESTINATIONS: ReadonlyMap<string, State["destination"]> = new Map([
  ["fonttbl", "fonts"],
  ["stylesheet", "styles"],
  ["title", "title"],
  ["info", "body"],
]);
/** Optional groups whose text is the document's. */
const KNOWN = new Set([
  "shpinst",
  "shptxt",
  "cs",
  "fldrslt",
  "listtext",
  "pntext",
  "mmath",
  "ud",
  "do",
  "dptxbxtext",
]);
