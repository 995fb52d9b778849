import type { XmlAttributes, XmlHandlers } from "./xml.ts";

/** Ancestors of a style that are asked; more have only files made to harm. */
const MAX_ANCESTORS = 32;
const PAGE_BREAKS = new Set(["page", "even-page", "odd-page"]);

interface Style {
  readonly parent: string | undefined;
  /** The page style to go on with; "" for none, whatever the parent says. */
  readonly masterPage: string | undefined;
  before: string | undefined;
  after: string | undefined;
}

/** Whether a page begins where a block begins, and where it ends. */
export interface PageBreaks {
  readonly before: boolean;
  readonly after: boolean;
}

/** The page breaks that styles of paragraphs and tables bring. @see OpenDocument 1.3, part 3, sections 19.502 (style:master-page-name), 20.184 and 20.185 (fo:break-after, fo:break-before) */
export class PageBreakStyles implements XmlHandlers {
  readonly #styles = new Map<string, Style>();
  #current: Style | undefined;

  readonly open = (name: string, attributes: XmlAttributes): void => {
    if (name === "style") {
      this.#current = {
        parent: attributes["style:parent-style-name"],
        masterPage: attributes["style:master-page-name"],
        before: undefined,
        after: undefined,
      };
      const key = keyOf(attributes["style:family"] ?? "", attributes["style:name"] ?? "");
      this.#styles.set(key, this.#current);
    } else if (this.#current && (name === "paragraph-properties" || name === "table-properties")) {
      this.#current.before = attributes["fo:break-before"];
      this.#current.after = attributes["fo:break-after"];
    }
  };

  readonly close = (name: string): void => {
    if (name === "style") this.#current = undefined;
  };

  /** Of a style and those it inherits from. */
  breaksOf(family: "paragraph" | "table", name: string | undefined): PageBreaks {
    let masterPage: string | undefined;
    let before: string | undefined;
    let after: string | undefined;
    let style = this.#find(family, name);
    for (let asked = 0; style && asked < MAX_ANCESTORS; asked++) {
      masterPage ??= style.masterPage;
      before ??= style.before;
      after ??= style.after;
      style = this.#find(family, style.parent);
    }
    return {
      before: (masterPage ?? "") !== "" || PAGE_BREAKS.has(before ?? ""),
      after: PAGE_BREAKS.has(after ?? ""),
    };
  }

  #find(family: string, name: string | undefined): Style | undefined {
    return name === undefined ? undefined : this.#styles.get(keyOf(family, name));
  }
}

const keyOf = (family: string, name: string) => `${family} ${name}`;

/**
 * The page that a walk through a text has come to. LibreOffice writes a soft page break where its layout began a page, but none where a
 * style demands one; other programs may write both, which count once.
 */
export class PageCount {
  /** From 1; undefined in a document that does not tell its pages. */
  page: number | undefined;
  /** The break that stands right before, with no content in between. */
  #last: "soft" | "hard" | undefined;
  #isBegun = false;
  #isBreakDue = false;

  constructor(hasPages: boolean) {
    this.page = hasPages ? 1 : undefined;
  }

  softBreak(): void {
    if (this.#last !== "hard") this.#turn();
    this.#last = "soft";
  }

  /** A block of the text begins. The first one begins the first page. */
  beginBlock({ before, after }: PageBreaks): void {
    if (this.#isBegun && (before || this.#isBreakDue)) {
      if (this.#last !== "soft") this.#turn();
      this.#last = "hard";
    }
    this.#isBreakDue = after;
  }

  /** Something stands on the page. */
  fill(): void {
    this.#isBegun = true;
    this.#last = undefined;
  }

  #turn(): void {
    if (this.page !== undefined) this.page++;
  }
}
