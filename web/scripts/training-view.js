import { getJson, jobEvents, postJson, upload } from "./api.js";
import { lineChart, smoothed } from "./chart.js";
import { comparison } from "./comparison.js";
import { h, messageOf, notify } from "./dom.js";

/**
 * Trains a learned prompt on questions and answers, and shows it while it happens.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function trainingView(main, signal) {
  void new Training(main, signal).open();
}

const METHODS = [
  ["p-tuning-v2", "Deep tokens at every layer (P-Tuning v2)"],
  ["p-tuning", "Virtual tokens through an encoder (P-Tuning)"],
  ["prompt-tuning", "Plain virtual tokens (prompt tuning)"],
];

class Training {
  /** @param {HTMLElement} main @param {AbortSignal} signal */
  constructor(main, signal) {
    this.signal = signal;
    this.file = h("select", { id: "qa-file", required: true });
    this.form = this.trainingForm();
    this.runs = h("div", { class: "runs" });
    main.append(
      h(
        "header",
        { class: "page-head" },
        h("h1", {}, "Training"),
        h(
          "p",
          { class: "faint" },
          "Question-answer pairs about your documents become a learned prompt. Some are kept out, to compare answers before and after.",
        ),
      ),
      this.form,
      this.runs,
    );
  }

  async open() {
    try {
      await this.fillFiles();
      const { jobs } = await getJson("/api/jobs");
      const tunes = jobs.filter((/** @type {any} */ job) => job.request.kind === "tune");
      for (const job of tunes) this.show(job, "append");
    } catch (thrown) {
      if (!this.signal.aborted) notify(messageOf(thrown));
    }
  }

  /** @param {string} [chosen] */
  async fillFiles(chosen) {
    const { files } = await getJson("/api/uploads/questions");
    const options = files.map((/** @type {any} */ { name }) => h("option", { value: name }, name));
    this.file.replaceChildren(h("option", { value: "" }, "choose or add a file"), ...options);
    if (chosen) this.file.value = chosen;
  }

  trainingForm() {
    const add = h("input", {
      type: "file",
      id: "qa-upload",
      class: "hidden-input",
      accept: ".jsonl,.json,.gz",
    });
    add.addEventListener("change", () => {
      const [file] = add.files ?? [];
      if (file) void this.addFile(file);
      add.value = "";
    });
    /** @param {string} label @param {HTMLElement} control @param {string} [hint] */
    const field = (label, control, hint) =>
      h(
        "label",
        { class: "field" },
        h("span", {}, label),
        control,
        hint ? h("small", {}, hint) : null,
      );
    /** @param {string} name @param {number} value @param {number} max */
    const number = (name, value, max) =>
      h("input", { type: "number", name, value, min: 1, max, required: true });
    return h(
      "form",
      {
        class: "panel form",
        onsubmit: (/** @type {SubmitEvent} */ event) => void this.start(event),
      },
      h(
        "div",
        { class: "field wide" },
        h("label", { for: "qa-file" }, "Questions and answers"),
        h(
          "div",
          { class: "beside-button" },
          this.file,
          add,
          h("label", { for: "qa-upload", class: "button" }, "Add file"),
        ),
        h("small", {}, 'Lines of {"id", "question", "answers"}, SQuAD or FlashRAG.'),
      ),
      field(
        "Name",
        h("input", {
          name: "name",
          value: "mine",
          required: true,
          pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*",
          maxlength: 64,
        }),
      ),
      field(
        "Method",
        h(
          "select",
          { name: "method" },
          ...METHODS.map(([value, text]) => h("option", { value }, text)),
        ),
      ),
      field("Virtual tokens", number("tokens", 16, 512)),
      field("Epochs", number("epochs", 4, 100)),
      field(
        "Questions kept out",
        h("input", {
          type: "number",
          name: "testQuestions",
          value: 24,
          min: 0,
          max: 200,
          required: true,
        }),
      ),
      h("button", { type: "submit", class: "primary" }, "Start training"),
    );
  }

  /** @param {File} file */
  async addFile(file) {
    try {
      await this.fillFiles(await upload("questions", file, () => {}));
    } catch (thrown) {
      notify(messageOf(thrown));
    }
  }

  /** @param {SubmitEvent} event */
  async start(event) {
    event.preventDefault();
    const data = new FormData(this.form);
    const text = (/** @type {string} */ name) => String(data.get(name));
    try {
      const job = await postJson("/api/jobs", {
        kind: "tune",
        questions: this.file.value,
        testQuestions: Number(text("testQuestions")),
        settings: {
          name: text("name"),
          method: text("method"),
          tokens: Number(text("tokens")),
          epochs: Number(text("epochs")),
        },
      });
      this.show(job, "prepend");
    } catch (thrown) {
      notify(messageOf(thrown));
    }
  }

  /** @param {any} job @param {"append" | "prepend"} where */
  show(job, where) {
    const run = new Run(job, this.signal);
    this.runs[where](run.element);
    void run.follow();
  }
}

/** One training run, live or over. */
class Run {
  /** @param {any} job @param {AbortSignal} signal */
  constructor(job, signal) {
    this.job = job;
    this.signal = signal;
    /** @type {any[]} */
    this.losses = [];
    /** @type {any[]} */
    this.scores = [];
    this.note = "";
    this.steps = 1;
    this.status = h("p", { class: "run-status", role: "status" });
    this.charts = h("div", { class: "charts" });
    this.actions = h("p", { class: "card-actions" });
    this.result = h("div", { class: "result" });
    this.isFrameWaiting = false;
    this.element = h(
      "article",
      { class: "card run" },
      h("h2", {}, job.request.settings.name, h("span", { class: "tag" }, job.request.questions)),
      this.status,
      this.charts,
      this.actions,
      this.result,
    );
  }

  /** Reads what was told and what comes, until the run ends. */
  async follow() {
    try {
      for await (const event of jobEvents(this.job.id, this.signal)) this.take(event);
      this.job = await getJson(`/api/jobs/${this.job.id}`);
      this.paint();
      if (this.job.result?.comparison) this.result.replaceChildren(comparison(this.job.result));
    } catch (thrown) {
      if (!this.signal.aborted) this.status.textContent = messageOf(thrown);
    }
  }

  /** @param {any} event */
  take(event) {
    if (event.event === "state") this.job.state = event.state;
    else this.note = noteOn(event) ?? this.note;
    if (event.event === "step") {
      this.steps = event.steps;
      // A run that went on from a checkpoint repeats the steps after it.
      this.losses = this.losses.filter(({ x }) => x < event.step);
      this.losses.push({ x: event.step, y: event.loss });
    }
    if (event.event === "dev") {
      this.scores = this.scores.filter(({ x }) => x < event.epoch);
      this.scores.push({ x: event.epoch, y: event.f1 });
    }
    if (this.isFrameWaiting) return;
    this.isFrameWaiting = true;
    requestAnimationFrame(() => {
      this.isFrameWaiting = false;
      this.paint();
    });
  }

  paint() {
    const { state, error, request } = this.job;
    this.status.textContent = statusText(state, this.note, error);
    const epochs = request.settings.epochs ?? 4;
    /** @param {Node} chart @param {string} caption */
    const figure = (chart, caption) => h("figure", {}, chart, h("figcaption", {}, caption));
    this.charts.replaceChildren(
      ...(this.losses.length > 1
        ? [
            figure(
              lineChart(smoothed(this.losses, 6), { label: "Training loss", maxX: this.steps }),
              "Training loss by step",
            ),
          ]
        : []),
      ...(this.scores.length > 0
        ? [
            figure(
              lineChart(this.scores, {
                label: "Held-out F1",
                maxX: epochs,
                minY: 0,
                digits: 0,
                dots: true,
              }),
              "Held-out F1 by epoch",
            ),
          ]
        : []),
    );
    this.actions.replaceChildren(...this.buttons(state));
  }

  /** @param {string} state */
  buttons(state) {
    const act = (/** @type {"stop" | "resume"} */ verb) => async () => {
      try {
        this.job = await postJson(`/api/jobs/${this.job.id}/${verb}`);
        this.paint();
        if (verb === "resume") await this.follow();
      } catch (thrown) {
        notify(messageOf(thrown));
      }
    };
    if (state === "running" || state === "waiting") {
      return [h("button", { type: "button", onclick: act("stop") }, "Stop")];
    }
    if (state === "stopped" || state === "failed") {
      return [h("button", { type: "button", onclick: act("resume") }, "Go on")];
    }
    const { name } = this.job.request.settings;
    return [
      h(
        "a",
        { class: "button", href: `#/chat/${encodeURIComponent(`foreword@${name}`)}` },
        "Ask with it",
      ),
    ];
  }
}

/** @param {string} state @param {string} note @param {string | null} error */
function statusText(state, note, error) {
  if (state === "failed") return `Failed: ${error ?? "its process ended"}`;
  if (state === "waiting") return "Waiting for another job to end.";
  if (state === "stopped") return `Stopped. ${note}`;
  return state === "done" ? `Done. ${note}` : note || "Starting…";
}

/** @param {any} event */
function noteOn(event) {
  switch (event.event) {
    case "loading":
      return "Loading the model…";
    case "retrieving":
      return `Retrieving passages for ${event.pairs} questions…`;
    case "prepared":
      return `${event.examples} examples, ${event.dev} held out, ${event.trainableParameters.toLocaleString("en")} trained numbers.`;
    case "step":
      return `Step ${event.step} of ${event.steps}, epoch ${event.epoch}, loss ${event.loss.toFixed(3)}, ${remaining(event.secondsLeft)} left.`;
    case "dev":
      return `Epoch ${event.epoch}: held-out EM ${event.em.toFixed(1)}, F1 ${event.f1.toFixed(1)}.`;
    case "done":
      return `${event.steps} steps in ${remaining(event.seconds)}, loss ${event.trainLoss.toFixed(3)}.`;
    case "compared":
      return `Comparing answers: ${event.done} of ${event.total}.`;
    default:
      return undefined;
  }
}

/** @param {number} seconds */
function remaining(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
