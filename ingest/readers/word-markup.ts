import { type WrittenTag, walkXml, type XmlAttributes, type XmlHandlers } from "./xml.ts";
import { XmlWriter } from "./xml-writer.ts";

/** Elements that only surround what is read. */
const UNWRAPPED = new Set(["fldSimple", "bdo", "dir", "ruby", "rubyBase", "oMathPara"]);
/** Readings above characters, and how these and formulas are laid out. */
const LEFT_OUT = new Set(["rt", "rubyPr", "oMathParaPr"]);
/** Deleted while changes were tracked; outside formulas mammoth sees to it. */
const DELETED = new Set(["del", "moveFrom"]);
/** What sets parts of a formula apart on one line. */
const MATH_MARKS: ReadonlyMap<string, string> = new Map([
  ["sup", "^"],
  ["sub", "_"],
  ["den", "/"],
]);

/**
 * A part of a Word document in the elements that mammoth knows: the content of simple fields and of runs with a direction; characters
 * without the readings above them; formulas as text on a line, like E=mc^2; line breaks of either name.
 * @throws RagError file/invalid, file/too-large
 * @see ECMA-376, part 1, sections 17.3 (runs), 17.16 (fields) and 22.1 (formulas)
 */
export function plainMarkup(part: Uint8Array): Uint8Array {
  const markup = new PlainMarkup();
  walkXml(part, markup);
  return markup.finish();
}

interface Brackets {
  begin: string;
  end: string;
  isBegun: boolean;
}

class PlainMarkup implements XmlHandlers {
  readonly #writer = new XmlWriter();
  /** Of Word's own elements, as the root has it: "w:". */
  #prefix: string | undefined;
  #leftOutDepth = 0;
  /** Elements open within a formula, the formula's own first. */
  readonly #math: string[] = [];
  readonly #brackets: Brackets[] = [];

  readonly open = (name: string, { "m:val": value }: XmlAttributes, written: WrittenTag): void => {
    this.#prefix ??= written.name.slice(0, written.name.length - name.length);
    const isMath = this.#math.length > 0;
    if (this.#leftOutDepth > 0 || LEFT_OUT.has(name) || (isMath && DELETED.has(name))) {
      this.#leftOutDepth++;
    } else if (isMath || name === "oMath") this.#openMath(name, value);
    else if (name === "cr") this.#writer.open({ name: `${this.#prefix}br`, attributes: {} });
    else if (!UNWRAPPED.has(name)) this.#writer.open(written);
  };

  readonly text = (text: string): void => {
    const isMath = this.#math.length > 0;
    if (this.#leftOutDepth === 0 && (!isMath || this.#math.at(-1) === "t")) this.#writer.text(text);
  };

  readonly close = (name: string, written: WrittenTag): void => {
    if (this.#leftOutDepth > 0) this.#leftOutDepth--;
    else if (this.#math.length > 0) this.#closeMath(name);
    else if (name === "cr") this.#writer.close(`${this.#prefix}br`);
    else if (!UNWRAPPED.has(name)) this.#writer.close(written.name);
  };

  finish(): Uint8Array {
    return this.#writer.finish();
  }

  #openMath(name: string, value: string | undefined): void {
    const parent = this.#math.at(-1);
    this.#math.push(name);
    const brackets = this.#brackets.at(-1);
    if (parent === undefined) {
      this.#writer.open({ name: `${this.#prefix}r`, attributes: {} });
      this.#writer.open({ name: `${this.#prefix}t`, attributes: { "xml:space": "preserve" } });
    } else if (name === "d") this.#brackets.push({ begin: "(", end: ")", isBegun: false });
    else if (name === "begChr" && brackets) brackets.begin = value ?? "";
    else if (name === "endChr" && brackets) brackets.end = value ?? "";
    else if (name === "e" && parent === "d" && brackets) {
      this.#writer.text(brackets.isBegun ? "|" : brackets.begin);
      brackets.isBegun = true;
    } else this.#writer.text(MATH_MARKS.get(name) ?? "");
  }

  #closeMath(name: string): void {
    this.#math.pop();
    if (name === "d") this.#writer.text(this.#brackets.pop()?.end ?? "");
    if (this.#math.length > 0) return;
    this.#writer.close(`${this.#prefix}t`);
    this.#writer.close(`${this.#prefix}r`);
  }
}
