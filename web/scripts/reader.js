import { getJson } from "./api.js";
import { h, messageOf, press } from "./dom.js";

/** Characters shown before and after a passage at first. */
const AROUND = 3000;
/** Characters that each press of "more" adds. */
const MORE = 9000;

/** @typedef {{ start: number, end: number }} Range characters of a document's text */

/**
 * Opens a passage in its document, marked.
 * @param {{ document_id: string, title: string, filepath: string, start: number, end: number, page?: number | null }} passage
 */
export function openPassage({ document_id: id, title, filepath, start, end, page }) {
  return openReader({ id, title, source: filepath, page: page ?? null }, { start, end });
}

/**
 * Shows a document; with `mark`, the text around that range.
 * @param {{ id: string, title: string, source: string, page?: number | null }} document_
 * @param {Range} [mark]
 */
export async function openReader({ id, title, source, page = null }, mark = { start: 0, end: 0 }) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("reader"));
  const text = new ReaderText(id, mark);
  dialog.replaceChildren(
    h(
      "header",
      {},
      h(
        "div",
        {},
        h("h2", { id: "reader-title" }, title || source),
        h("p", { class: "faint" }, page ? `${source}, page ${page}` : source),
      ),
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close"),
    ),
    text.element,
  );
  closeByBackdrop(dialog);
  dialog.showModal();
  await text.open();
}

/** A press beside the dialog closes it; a selection of text that only ends there does not. @param {HTMLDialogElement} dialog */
function closeByBackdrop(dialog) {
  let isPressedBeside = false;
  dialog.onpointerdown = ({ target }) => {
    isPressedBeside = target === dialog;
  };
  dialog.onclick = ({ target }) => {
    if (target === dialog && isPressedBeside) dialog.close();
  };
}

/** The shown part of a document's text; it grows at both ends, piece by piece. */
class ReaderText {
  /** @param {string} id @param {Range} mark */
  constructor(id, mark) {
    this.id = id;
    this.mark = mark;
    this.start = Math.max(0, mark.start - AROUND);
    this.end = this.start;
    this.before = h("span", {});
    // Shown with its text: an empty mark is a speck of colour.
    this.marked = h("mark", { hidden: true });
    this.after = h("span", {});
    this.earlier = this.more("Earlier text", () => this.addEarlier());
    this.later = this.more("Later text", () => this.addLater());
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.element = h(
      "div",
      { class: "reader-text", tabindex: "0" },
      this.earlier,
      h("p", {}, this.before, this.marked, this.after),
      this.problem,
      this.later,
    );
  }

  async open() {
    await this.attempt(() => this.addUpTo(this.mark.end + AROUND));
    if (!this.marked.hidden) this.marked.scrollIntoView({ block: "center" });
  }

  /** What goes wrong is told here: the page's own line lies behind the dialog. @param {() => Promise<void>} work */
  async attempt(work) {
    this.problem.hidden = true;
    try {
      await work();
    } catch (thrown) {
      this.problem.textContent = messageOf(thrown);
      this.problem.hidden = false;
    }
  }

  addLater() {
    return this.addUpTo(this.end + MORE);
  }

  /** @param {number} end the server may give less */
  async addUpTo(end) {
    const found = await this.fetch({ start: this.end, end });
    this.end = found.end;
    this.add(found, "append");
  }

  /** What is read stays where it is. */
  async addEarlier() {
    const found = await this.fetch({ start: Math.max(0, this.start - MORE), end: this.start });
    const below = this.element.scrollHeight - this.element.scrollTop;
    this.start = found.start;
    this.add(found, "prepend");
    this.element.scrollTop = this.element.scrollHeight - below;
  }

  /** @param {Range} range */
  fetch({ start, end }) {
    return getJson(`/api/document?id=${encodeURIComponent(this.id)}&start=${start}&end=${end}`);
  }

  /** @param {{ text: string, start: number, end: number, length: number }} found @param {"append" | "prepend"} where */
  add({ text, start, end, length }, where) {
    const { mark } = this;
    /** @param {HTMLElement} part @param {number} from @param {number} to */
    const fill = (part, from, to) => {
      part[where](text.slice(Math.max(0, from - start), Math.max(0, to - start)));
      // A character may have been cut in two.
      part.normalize();
    };
    fill(this.before, start, mark.start);
    fill(this.marked, mark.start, mark.end);
    this.marked.hidden = this.marked.textContent === "";
    fill(this.after, mark.end, end);
    this.earlier.hidden = this.start === 0;
    this.later.hidden = this.end >= length;
  }

  /** @param {string} label @param {() => Promise<void>} work */
  more(label, work) {
    const button = h(
      "button",
      {
        type: "button",
        class: "quiet more",
        hidden: true,
        onclick: () => press(button, () => this.attempt(work)),
      },
      label,
    );
    return button;
  }
}
