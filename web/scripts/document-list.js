import { getJson, remove } from "./api.js";
import { counted, h, messageOf, press, redraw } from "./dom.js";
import { openReader } from "./reader.js";

/** Documents that are listed at first, and that each press of "Show more" adds. */
const LISTED = 500;

/** The documents of the store, and how many there are. */
export class DocumentList {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = signal;
    this.listed = LISTED;
    this.count = h("p", { class: "faint" });
    this.element = h("div", { class: "document-list" });
  }

  /** Reads anew as many documents as are listed. */
  async refresh() {
    try {
      const [documents, status] = await Promise.all([
        this.readDocuments(),
        getJson("/api/status", this.signal),
      ]);
      this.count.textContent = `${counted(status.documents, "document")}, ${counted(status.passages, "passage")}`;
      redraw(this.element, this.table(documents, status.documents));
    } catch (thrown) {
      if (this.signal.aborted) return;
      redraw(this.element, h("p", { class: "problem", role: "alert" }, messageOf(thrown)));
    }
  }

  async readDocuments() {
    const all = [];
    while (all.length < this.listed) {
      const path = `/api/documents?offset=${all.length}&limit=${LISTED}`;
      const { documents } = await getJson(path, this.signal);
      all.push(...documents);
      if (documents.length < LISTED) break;
    }
    return all;
  }

  /** The keyboard goes on with the first of those that are new. */
  async showMore() {
    const before = this.listed;
    this.listed += LISTED;
    await this.refresh();
    /** @type {HTMLElement | null} */ (
      this.element.querySelector(`tbody tr:nth-child(${before + 1}) button`)
    )?.focus();
  }

  /** @param {any[]} documents @param {number} total */
  table(documents, total) {
    if (documents.length === 0) return h("p", { class: "faint" }, "Nothing here yet.");
    const rows = documents.map((document_) => {
      const name = document_.title || document_.source;
      const open = () => void openReader(document_);
      const removal = h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": `Remove ${name}`,
          onclick: () => press(removal, () => this.remove(document_.id, name)),
        },
        "Remove",
      );
      return h(
        "tr",
        {},
        h("td", {}, h("button", { type: "button", class: "link", onclick: open }, name)),
        h("td", { class: "faint" }, document_.source),
        h("td", { class: "faint" }, document_.format),
        h("td", {}, removal),
      );
    });
    const more = h(
      "button",
      { type: "button", onclick: () => press(more, () => this.showMore()) },
      "Show more",
    );
    const head = ["Title", "File", "Format", ""].map((name) =>
      h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "Actions")),
    );
    return h(
      "div",
      {},
      h(
        "table",
        { class: "listing" },
        h("thead", {}, h("tr", {}, ...head)),
        h("tbody", {}, ...rows),
      ),
      total > documents.length
        ? h("p", { class: "list-end faint" }, `The first ${documents.length} of ${total}. `, more)
        : null,
    );
  }

  /** @param {string} id @param {string} name */
  async remove(id, name) {
    if (!confirm(`Remove "${name}" from the store?`)) return;
    await remove(`/api/documents?id=${encodeURIComponent(id)}`);
    await this.refresh();
  }
}
