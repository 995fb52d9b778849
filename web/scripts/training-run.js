import { postJson } from "./api.js";
import { lineChart, smoothed } from "./chart.js";
import { comparison } from "./comparison.js";
import { h, messageOf, press, redraw } from "./dom.js";

/** @typedef {import("./job-follower.js").JobFollower} JobFollower */

/** One training run, live or over. */
export class TrainingRun {
  /** @param {any} job @param {JobFollower} follower @param {AbortSignal} signal */
  constructor(job, follower, signal) {
    this.job = job;
    this.follower = follower;
    this.signal = signal;
    this.following = new AbortController();
    this.isCutOff = false;
    /** @type {any[]} */
    this.losses = [];
    /** @type {any[]} */
    this.scores = [];
    this.note = "";
    /** By event: a run that is followed from the beginning tells them again. @type {Map<string, string>} */
    this.warnings = new Map();
    this.steps = 1;
    this.status = h("p", { class: "run-status", role: "status" });
    this.warning = h("p", { class: "run-status", hidden: true });
    this.charts = h("div", { class: "charts" });
    this.actions = h("p", { class: "card-actions" });
    this.actionsFor = "";
    this.result = h("div", { class: "result" });
    this.isFrameWaiting = false;
    this.element = h(
      "article",
      { class: "card run" },
      h("h2", {}, job.request.settings.name, h("span", { class: "tag" }, job.request.questions)),
      this.status,
      this.warning,
      this.charts,
      this.actions,
      this.result,
    );
  }

  /** Reads what was told and what comes, until the run ends; from the beginning where it was being followed. */
  async follow() {
    this.following.abort();
    this.following = new AbortController();
    const signal = AbortSignal.any([this.signal, this.following.signal]);
    const listener = {
      onEvent: (/** @type {any} */ event) => this.take(event),
      onCutOff: () => {
        this.isCutOff = true;
        this.paint();
      },
    };
    try {
      this.job = await this.follower.follow(this.job.id, listener, signal);
      this.paint();
      if (this.job.result?.comparison) this.result.replaceChildren(comparison(this.job.result));
    } catch (thrown) {
      if (!signal.aborted) this.status.textContent = messageOf(thrown);
    }
  }

  /** @param {any} event */
  take(event) {
    this.isCutOff = false;
    if (event.event === "state") this.job.state = event.state;
    else this.note = noteOn(event) ?? this.note;
    if (event.event === "step") {
      this.steps = event.steps;
      // A run that went on from a checkpoint repeats the steps after it.
      this.losses = this.losses.filter(({ x }) => x < event.step);
      this.losses.push({ x: event.step, y: event.loss });
    }
    const warning = warningOf(event);
    if (warning) {
      this.warnings.set(event.event, warning);
      this.warning.textContent = [...this.warnings.values()].join(" ");
      this.warning.hidden = false;
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
    this.status.textContent = this.isCutOff ? CUT_OFF : statusText(state, this.note, error);
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
                maxX: request.settings.epochs ?? this.scores.length,
                minY: 0,
                digits: 0,
                dots: true,
              }),
              "Held-out F1 by epoch",
            ),
          ]
        : []),
    );
    // A button that is drawn anew with every step loses the focus, and a click that has begun on it.
    if (this.actionsFor === state) return;
    this.actionsFor = state;
    redraw(this.actions, this.action(state));
  }

  /** @param {string} state */
  action(state) {
    if (state === "running" || state === "waiting") return this.button("Stop", "stop");
    if (state === "stopped" || state === "failed") return this.button("Go on", "resume");
    const { name } = this.job.request.settings;
    return h(
      "a",
      { class: "button", href: `#/chat/${encodeURIComponent(`foreword@${name}`)}` },
      "Ask with it",
    );
  }

  /** @param {string} label @param {"stop" | "resume"} verb */
  button(label, verb) {
    const act = async () => {
      this.job = await postJson(`/api/jobs/${this.job.id}/${verb}`);
      this.paint();
      void this.follow();
    };
    const button = h("button", { type: "button", onclick: () => press(button, act) }, label);
    return button;
  }
}

const CUT_OFF = "The server cannot be reached just now; trying again…";

/** @param {string} state @param {string} note @param {string | null} error */
function statusText(state, note, error) {
  if (state === "failed") return `Failed: ${error ?? "its process ended"}`;
  if (state === "waiting") return "Waiting for another job to end.";
  if (state === "stopped") return `Stopped. ${note}`;
  return state === "done" ? `Done. ${note}` : note || "Starting…";
}

/** @param {any} event */
function warningOf(event) {
  if (event.event === "anew" && event.problem) return `${event.problem} Its training began anew.`;
  if (event.event !== "skipped") return undefined;
  const first = event.first.map((/** @type {any} */ { id }) => `"${id}"`).join(", ");
  const others = event.count > event.first.length ? " and others" : "";
  return `${event.count} of the question-answer pairs are too long for the model and left out: ${first}${others}.`;
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
