import { AnswerCard, emptyAnswer, modelLabel } from "./answer-card.js";
import { getJson } from "./api.js";
import { counted, h, messageOf } from "./dom.js";

/** @typedef {import("./answer-card.js").Answer} Answer */
/** @typedef {{ question: string, answers: Answer[] }} Turn */

const KEPT = "conversation";
/** Turns that go with a question, so that a follow-up is understood. */
const MAX_HISTORY = 4;
/** Where the likeliest answer was given already: another one is drawn. */
const REGENERATED = { temperature: 0.7, top_p: 0.95 };

/**
 * Ask and be answered, one way or two ways side by side. The conversation outlives a reload; a question that waits for its answer then can be
 * asked again.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 * @param {string} wanted a model to begin with
 */
export function chatView(main, signal, wanted) {
  void new Chat(main, signal, wanted).open();
}

class Chat {
  /** @param {HTMLElement} main @param {AbortSignal} signal @param {string} wanted */
  constructor(main, signal, wanted) {
    this.signal = signal;
    this.wanted = wanted;
    /** @type {Turn[]} */
    this.turns = restore();
    this.stopper = new AbortController();
    this.log = h("section", { class: "log", "aria-label": "Conversation", role: "log" });
    this.input = h("textarea", {
      id: "question",
      rows: 1,
      placeholder: "Ask a question",
      "aria-label": "Question",
      maxlength: 20000,
    });
    this.model = h("select", { id: "model", "aria-label": "Answer with" });
    this.other = h("select", { id: "compare", "aria-label": "Compare with" });
    for (const select of [this.model, this.other]) {
      select.addEventListener("change", () => {
        localStorage.setItem("model", this.model.value);
        localStorage.setItem("compare", this.other.value);
      });
    }
    this.send = h("button", { type: "submit", class: "primary" }, "Ask");
    this.send.addEventListener("click", (event) => {
      // The second click of a double click would stop what the first has asked.
      if (this.isBusy && event.detail > 1) event.preventDefault();
    });
    main.append(h("h1", { class: "unseen" }, "Ask"), this.log, this.composer());
    signal.addEventListener("abort", () => this.stopper.abort());
  }

  composer() {
    const form = h(
      "form",
      { class: "composer", onsubmit: (/** @type {Event} */ event) => this.submit(event) },
      h("div", { class: "composer-box" }, this.input, this.send),
      h(
        "div",
        { class: "composer-row" },
        h("label", {}, h("span", {}, "Answer"), this.model),
        h("label", {}, h("span", {}, "Beside it"), this.other),
        h("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "New chat"),
      ),
    );
    this.input.addEventListener("input", () => this.grow());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      // A key that is held down would stop what it has asked.
      if (!event.repeat) form.requestSubmit();
    });
    addEventListener(
      "keydown",
      (event) => {
        // The key is then the reader's, or the input method's.
        if (event.isComposing || document.querySelector("dialog[open]")) return;
        if (event.key === "Escape" && this.isBusy) this.stopper.abort();
        const isTyping = /^(input|textarea|select)$/i.test(document.activeElement?.tagName ?? "");
        if (event.key !== "/" || isTyping) return;
        event.preventDefault();
        this.input.focus();
      },
      { signal: this.signal },
    );
    return form;
  }

  async open() {
    this.showTurns();
    // At once: whoever is elsewhere when the server has answered stays there.
    this.input.focus({ preventScroll: true });
    try {
      const status = await getJson("/api/status");
      this.fillModels(status.models);
      if (this.turns.length === 0) this.welcome(status);
    } catch (thrown) {
      this.log.append(h("p", { class: "problem", role: "alert" }, messageOf(thrown)));
    }
  }

  /** What is chosen stays chosen. @param {string[]} all */
  fillModels(all) {
    const chosen = this.model.value || this.wanted || localStorage.getItem("model") || "foreword";
    const compared = this.other.value || (localStorage.getItem("compare") ?? "");
    const learned = all.filter((model) => /^foreword@(?!none$)/.test(model));
    // Without a learned prompt the default and "none" are the same.
    const models = all.filter((model) => learned.length > 0 || model !== "foreword@none");
    const option = (/** @type {string} */ model) => {
      const isPlain = model === "foreword" && learned.length === 0;
      return h("option", { value: model }, isPlain ? "From the documents" : modelLabel(model));
    };
    this.model.replaceChildren(...models.map(option));
    this.other.replaceChildren(h("option", { value: "" }, "no comparison"), ...models.map(option));
    if (models.includes(chosen)) this.model.value = chosen;
    if (models.includes(compared)) this.other.value = compared;
  }

  /** @param {{ documents: number, passages: number }} status */
  welcome({ documents, passages }) {
    const hasDocuments = documents > 0;
    this.log.replaceChildren(
      h(
        "div",
        { class: "welcome" },
        h("h2", {}, "Ask your documents"),
        h(
          "p",
          {},
          hasDocuments
            ? `${counted(documents, "document")}, ${counted(passages, "passage")}, on this machine. Answers come with the passages they can be checked against.`
            : "There are no documents here yet. Add some, and ask about them.",
        ),
        hasDocuments
          ? null
          : h("p", {}, h("a", { class: "primary", href: "#/documents" }, "Add documents")),
      ),
    );
  }

  showTurns() {
    this.log.replaceChildren(...this.turns.map((turn) => this.turnNode(turn).element));
    this.log.lastElementChild?.scrollIntoView({ block: "end" });
  }

  /** @param {Turn} turn */
  turnNode(turn) {
    const cards = turn.answers.map(
      (answer) =>
        new AnswerCard(answer, {
          question: turn.question,
          onRegenerate: (card) => this.regenerate(turn, card),
        }),
    );
    const columns = h(
      "div",
      { class: turn.answers.length > 1 ? "answers beside" : "answers" },
      ...cards.map(({ element }) => element),
    );
    return { cards, element: h("section", { class: "turn" }, h("h2", {}, turn.question), columns) };
  }

  get isBusy() {
    return this.send.dataset["busy"] === "true";
  }

  /** @param {Event} event */
  submit(event) {
    event.preventDefault();
    if (this.isBusy) {
      this.stopper.abort();
      return;
    }
    const question = this.input.value.trim();
    if (question === "") return;
    const model = this.model.value || this.wanted || "foreword";
    const models = [model, this.other.value].filter((one) => one !== "");
    const turn = { question, answers: models.map(emptyAnswer) };
    this.log.querySelector(".welcome")?.remove();
    this.turns.push(turn);
    keep(this.turns);
    const { cards, element } = this.turnNode(turn);
    this.log.append(element);
    this.input.value = "";
    this.grow();
    element.scrollIntoView({ block: "start", behavior: "smooth" });
    void this.answer(turn, cards);
  }

  /** @param {Turn} turn @param {AnswerCard} card */
  regenerate(turn, card) {
    if (this.isBusy) return;
    void this.answer(turn, [card], card.answer.text === "" ? {} : REGENERATED);
  }

  /** @param {Turn} turn @param {AnswerCard[]} cards @param {object} [sampling] */
  async answer(turn, cards, sampling = {}) {
    this.setBusy(true);
    this.stopper = new AbortController();
    const before = this.turns.slice(0, this.turns.indexOf(turn)).slice(-MAX_HISTORY);
    await Promise.all(
      cards.map((card) => {
        const column = turn.answers.indexOf(card.answer);
        const messages = [...history(before, column), user(turn.question)];
        return card.run({ messages, ...sampling }, this.stopper.signal);
      }),
    );
    keep(this.turns);
    this.setBusy(false);
  }

  /** @param {boolean} isBusy */
  setBusy(isBusy) {
    this.send.dataset["busy"] = String(isBusy);
    this.send.textContent = isBusy ? "Stop" : "Ask";
  }

  clear() {
    this.stopper.abort();
    this.turns = [];
    keep(this.turns);
    this.log.replaceChildren();
    void this.open();
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 240)}px`;
  }
}

/** @param {string} content */
const user = (content) => ({ role: "user", content });

/**
 * What was said before in the same column; turns without an answer are left out. That there is no answer in the documents is one: the next
 * question may speak of what this one named.
 * @param {Turn[]} turns
 * @param {number} column
 */
function history(turns, column) {
  return turns.flatMap(({ question, answers }) => {
    const answer = answers[column] ?? answers[0];
    if (!answer || answer.text === "") return [];
    return [user(question), { role: "assistant", content: answer.text }];
  });
}

/** @returns {Turn[]} */
function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {Turn[]} turns */
function keep(turns) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(turns));
  } catch {
    // Too long for the browser's storage: it is only not kept.
    sessionStorage.removeItem(KEPT);
  }
}
