import { streamChat } from "./api.js";
import { copyText } from "./clipboard.js";
import { counted, h, messageOf, milliseconds, notify, press } from "./dom.js";
import { markdown } from "./markdown.js";
import { passageList } from "./passage-list.js";
import { openPassage } from "./reader.js";

/** @typedef {{ content: string, title: string, filepath: string, document_id: string, page: number | null, start: number, end: number, score: number, used: boolean, cited: boolean, chunk_id: number, heading: string[] }} Passage */
/** @typedef {{ passages?: Passage[], prompt?: string | null, query?: string | null, timings?: Record<string, number>, abstention?: { reason: string } }} Evidence */
/** @typedef {{ model: string, text: string, evidence: Evidence | null, tokens: number, problem: string, isStopped: boolean, isCut: boolean, isUnanswered: boolean }} Answer */
/** @typedef {{ role: string, content: string }} Message */

/** @param {string} model @returns {Answer} */
export const emptyAnswer = (model) => ({
  model,
  text: "",
  evidence: null,
  tokens: 0,
  problem: "",
  isStopped: false,
  isCut: false,
  isUnanswered: true,
});

/** How a model is called where people choose it. @param {string} model */
export function modelLabel(model) {
  if (model === "foreword") return "Newest learned prompt";
  if (model === "foreword@none") return "Without a learned prompt";
  if (model === "base") return "Model alone, no documents";
  return learnedLabel(model.replace(/^foreword@/, ""));
}

/** @param {string} name */
const learnedLabel = (name) => `Learned prompt: ${name}`;

/** What made an answer; known for certain once it is there. @param {Answer} answer */
function answeredBy({ model, evidence }) {
  if (model !== "foreword") return modelLabel(model);
  if (!evidence) return "From the documents";
  return evidence.prompt ? learnedLabel(evidence.prompt) : modelLabel("foreword@none");
}

/** One answer of a turn: asks for it, shows it as it comes, and what it was made of. */
export class AnswerCard {
  /**
   * @param {Answer} answer
   * @param {{ question: string, onRegenerate: (card: AnswerCard) => void }} turn
   */
  constructor(answer, { question, onRegenerate }) {
    this.answer = answer;
    this.question = question;
    this.body = h("div", { class: "answer-text" });
    this.foot = h("div", { class: "answer-foot" });
    this.sources = h("div", { class: "answer-sources" });
    this.by = h("p", { class: "answer-by" });
    this.element = h(
      "article",
      { class: "answer", "aria-label": `Answer: ${modelLabel(answer.model)}`, tabindex: -1 },
      this.by,
      this.body,
      this.foot,
      this.sources,
    );
    this.again = h("button", { type: "button", class: "quiet", onclick: () => onRegenerate(this) });
    this.isFrameWaiting = false;
    this.isRunning = false;
    this.show();
  }

  /**
   * Asks, and shows what comes. Ends without a throw however it ends.
   * @param {{ messages: Message[] }} request
   * @param {AbortSignal} signal
   */
  async run(request, signal) {
    Object.assign(this.answer, emptyAnswer(this.answer.model));
    this.isRunning = true;
    // The button that was pressed goes away: the keyboard waits here until it is back.
    const hasKeyboard = this.foot.contains(document.activeElement);
    if (hasKeyboard) this.element.focus({ preventScroll: true });
    this.show();
    const { model } = this.answer;
    const body = { model, ...request, stream_options: { include_usage: true } };
    try {
      for await (const chunk of streamChat(body, signal)) this.take(chunk);
    } catch (thrown) {
      if (signal.aborted) this.answer.isStopped = true;
      else this.answer.problem = messageOf(thrown);
    } finally {
      this.isRunning = false;
      this.answer.isUnanswered = false;
      this.show();
      if (hasKeyboard && document.activeElement === this.element) this.again.focus();
    }
  }

  /** @param {any} chunk */
  take(chunk) {
    const delta = chunk.choices[0]?.delta ?? {};
    this.answer.text += delta.content ?? "";
    if (chunk.choices[0]?.finish_reason === "length") this.answer.isCut = true;
    if (delta.context) this.answer.evidence = delta.context;
    if (chunk.usage) this.answer.tokens = chunk.usage.completion_tokens;
    if (this.isFrameWaiting) return;
    this.isFrameWaiting = true;
    requestAnimationFrame(() => {
      this.isFrameWaiting = false;
      if (this.isRunning) this.show();
    });
  }

  show() {
    const { text, evidence, problem, isStopped, isCut, isUnanswered } = this.answer;
    this.by.textContent = answeredBy(this.answer);
    this.element.classList.toggle("running", this.isRunning);
    this.element.setAttribute("aria-busy", String(this.isRunning));
    const shown = markdown(text, (number) => this.reference(number));
    this.body.replaceChildren(shown);
    if (this.isRunning && text === "") {
      this.body.replaceChildren(h("p", { class: "waiting" }, "Searching and reading…"));
    }
    if (isUnanswered && !this.isRunning) {
      this.body.append(h("p", { class: "aside" }, "The page was left before the answer came."));
    }
    if (problem) this.body.append(h("p", { class: "problem", role: "alert" }, problem));
    if (isStopped) this.body.append(h("p", { class: "aside" }, "Stopped."));
    if (isCut)
      this.body.append(h("p", { class: "aside" }, "Cut off: this is the most it may write."));
    this.foot.replaceChildren(...(this.isRunning ? [] : this.footNodes()));
    this.sources.replaceChildren(
      ...(evidence && !this.isRunning ? this.sourceNodes(evidence) : []),
    );
  }

  /** The button for `[n]` in the text: the n-th passage the model read. @param {number} number */
  reference(number) {
    const passage = (this.answer.evidence?.passages ?? []).filter(({ used }) => used)[number - 1];
    if (!passage) return undefined;
    return h(
      "button",
      {
        type: "button",
        class: "reference",
        title: passage.title,
        onclick: () => openPassage(passage),
      },
      number,
    );
  }

  footNodes() {
    const copyAnswer = async () => {
      await copyText(this.answer.text);
      notify("Copied.");
    };
    const copy = h(
      "button",
      { type: "button", class: "quiet", onclick: () => press(copy, copyAnswer) },
      "Copy",
    );
    const cited = (this.answer.evidence?.passages ?? []).filter(({ cited: isCited }) => isCited);
    const citations = cited.map((passage) =>
      h(
        "button",
        { type: "button", class: "citation", onclick: () => openPassage(passage) },
        h("span", { class: "citation-mark", "aria-hidden": "true" }, "❡"),
        h("span", { class: "citation-title" }, passage.title || passage.filepath),
        passage.page ? h("span", { class: "faint" }, `p. ${passage.page}`) : null,
      ),
    );
    const hasText = this.answer.text !== "";
    this.again.textContent = hasText ? "Regenerate" : "Ask again";
    return [
      ...citations,
      h("span", { class: "answer-actions" }, this.again, hasText ? copy : null),
    ];
  }

  /** What the answer was made of. @param {Evidence} evidence */
  sourceNodes({ passages = [], timings, query }) {
    const used = passages.filter((passage) => passage.used).length;
    const reranking = timings?.["rerankMs"]
      ? ` (reranking ${milliseconds(timings["rerankMs"])})`
      : "";
    const times = timings
      ? `search ${milliseconds(timings["retrievalMs"] ?? 0)}${reranking} · reading ${milliseconds(timings["prefillMs"] ?? 0)} · writing ${milliseconds(timings["decodeMs"] ?? 0)}`
      : "";
    if (passages.length === 0 && !times) return [];
    const rate = timings?.["decodeMs"]
      ? ` · ${Math.round((this.answer.tokens / timings["decodeMs"]) * 1000)} tokens/s`
      : "";
    const summary = `${counted(passages.length, "passage")} found, ${used} read`;
    return [
      h(
        "details",
        {},
        h("summary", {}, passages.length > 0 ? summary : "How it was made"),
        h("p", { class: "faint times" }, `${times}${rate}`),
        query && query !== this.question
          ? h("p", { class: "faint" }, `Searched for: ${query}`)
          : null,
        passageList(passages),
      ),
    ];
  }
}
