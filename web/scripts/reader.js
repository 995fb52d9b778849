import { getJson } from "./api.js";
import { h, messageOf } from "./dom.js";

/** Characters shown before and after a passage at first, and with each press of "more". */
const AROUND = 3000;

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
 * @param {{ start: number, end: number }} [mark]
 */
export async function openReader({ id, title, source, page = null }, mark = { start: 0, end: 0 }) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("reader"));
  const text = h("div", { class: "reader-text", tabindex: "0" });
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
    text,
  );
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();
  };
  dialog.showModal();
  const range = { start: Math.max(0, mark.start - AROUND), end: mark.end + AROUND };
  await show(text, id, range, mark);
  text.querySelector("mark")?.scrollIntoView({ block: "center" });
}

/**
 * @param {HTMLElement} place
 * @param {string} id
 * @param {{ start: number, end: number }} range
 * @param {{ start: number, end: number }} mark
 * @returns {Promise<void>}
 */
async function show(place, id, range, mark) {
  try {
    const query = `id=${encodeURIComponent(id)}&start=${range.start}&end=${range.end}`;
    const found = await getJson(`/api/document?${query}`);
    const { text, start, end, length } = found;
    /** @param {number} from @param {number} to */
    const piece = (from, to) => text.slice(Math.max(0, from - start), Math.max(0, to - start));
    /** @param {string} label @param {{ start: number, end: number }} wider */
    const more = (label, wider) =>
      h(
        "button",
        { type: "button", class: "quiet more", onclick: () => show(place, id, wider, mark) },
        label,
      );
    place.replaceChildren(
      ...(start > 0 ? [more("Earlier text", { start: Math.max(0, start - 3 * AROUND), end })] : []),
      h(
        "p",
        {},
        piece(start, mark.start),
        mark.end > mark.start ? h("mark", {}, piece(mark.start, mark.end)) : null,
        piece(mark.end, end),
      ),
      ...(end < length ? [more("Later text", { start, end: end + 3 * AROUND })] : []),
    );
  } catch (thrown) {
    place.replaceChildren(h("p", { class: "problem", role: "alert" }, messageOf(thrown)));
  }
}
