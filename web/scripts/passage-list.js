import { h } from "./dom.js";
import { openPassage } from "./reader.js";

/** @typedef {import("./answer-card.js").Passage} Passage */

/** What became of a passage, in a word. @param {Passage} passage */
function fate({ used, cited }) {
  if (cited) return "cited";
  return used ? "read" : "not read";
}

/** Where in its document a passage stands, as far as that is known. @param {Passage} passage */
function sectionOf({ title, heading, page }) {
  const section = heading.filter((name) => name !== title).at(-1);
  return `${section ? ` · ${section}` : ""}${page ? ` · p. ${page}` : ""}`;
}

/**
 * Passages in the order of their scores, each opening its place in the document.
 * @param {Passage[]} passages
 */
export function passageList(passages) {
  const best = Math.max(...passages.map(({ score }) => score), 1e-9);
  return h(
    "ol",
    { class: "passages" },
    ...passages.map((passage) =>
      h(
        "li",
        { class: passage.cited ? "passage cited" : "passage" },
        h(
          "button",
          { type: "button", onclick: () => openPassage(passage) },
          h(
            "span",
            { class: "passage-head" },
            h(
              "span",
              {},
              h("span", { class: "passage-title" }, passage.title || passage.filepath),
              h("span", { class: "faint" }, sectionOf(passage)),
            ),
            h("span", { class: "fate" }, fate(passage)),
          ),
          h("span", { class: "passage-text" }, passage.content),
          h(
            "span",
            {
              class: "passage-score",
              title: "How well the passage fits the question, by its words and its meaning",
            },
            h("meter", {
              min: 0,
              max: best,
              value: passage.score,
              "aria-label": "Score",
            }),
            h("span", {}, passage.score.toFixed(3)),
          ),
        ),
      ),
    ),
  );
}
