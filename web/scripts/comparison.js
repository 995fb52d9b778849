import { h } from "./dom.js";

/**
 * Scores before and after, and every question with both answers, those that changed most first.
 * @param {{ prompt: string, comparison: any }} result
 */
export function comparison({ prompt, comparison: found }) {
  const [before, after] = [found.arms["rag"], found.arms[prompt]];
  const questions = [...found.questions].sort(
    (a, b) => Math.abs(gain(b, prompt)) - Math.abs(gain(a, prompt)),
  );
  return h(
    "section",
    { class: "comparison" },
    h("h3", {}, `Before and after, ${found.n} questions that training never saw`),
    h(
      "table",
      { class: "listing scores" },
      h(
        "thead",
        {},
        row("th", [h("span", { class: "unseen" }, "Answered"), "EM", "F1", "F1, 95% interval"]),
      ),
      h(
        "tbody",
        {},
        row("td", ["Without a learned prompt", ...scores(before)]),
        row("td", [`With ${prompt}`, ...scores(after)]),
      ),
    ),
    h(
      "table",
      { class: "listing" },
      h("thead", {}, row("th", ["Question", "Right answer", "Without", "With", "F1"])),
      h("tbody", {}, ...questions.map((question) => questionRow(question, prompt))),
    ),
  );
}

/** @param {any} arm */
const scores = ({ em, f1, f1Interval: [low, high] }) => [
  em.toFixed(1),
  f1.toFixed(1),
  `${low.toFixed(1)} to ${high.toFixed(1)}`,
];

/** @param {any} question @param {string} prompt */
const gain = ({ answers }, prompt) => answers[prompt].f1 - answers["rag"].f1;

/** @param {any} question @param {string} prompt */
function questionRow(question, prompt) {
  const difference = gain(question, prompt);
  const sign = difference > 0 ? "better" : difference < 0 ? "worse" : "same";
  const shown = `${difference > 0 ? "+" : difference < 0 ? "−" : ""}${Math.abs(difference).toFixed(0)}`;
  return h(
    "tr",
    {},
    h("td", {}, question.question),
    h("td", {}, question.accepted[0] ?? ""),
    h("td", {}, question.answers["rag"].answer),
    h("td", {}, question.answers[prompt].answer),
    h("td", { class: sign }, shown),
  );
}

/** @param {"th" | "td"} tag @param {(string | Node)[]} cells */
const row = (tag, cells) =>
  h("tr", {}, ...cells.map((cell) => h(tag, tag === "th" ? { scope: "col" } : {}, cell)));
