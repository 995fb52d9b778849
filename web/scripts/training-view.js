import { getJson } from "./api.js";
import { h, messageOf, notify } from "./dom.js";
import { JobFollower } from "./job-follower.js";
import { TrainingForm } from "./training-form.js";
import { TrainingRun } from "./training-run.js";

/**
 * Trains a learned prompt on questions and answers, and shows it while it happens.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function trainingView(main, signal) {
  const runs = h("div", { class: "runs" });
  const follower = new JobFollower(signal);
  const show = (/** @type {any} */ job, /** @type {"append" | "prepend"} */ where) => {
    const run = new TrainingRun(job, follower, signal);
    runs[where](run.element);
    void run.follow();
  };
  const form = h("div", {});
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
    form,
    runs,
  );
  const open = async () => {
    try {
      const training = await TrainingForm.open((job) => show(job, "prepend"));
      await training.fillFiles();
      form.replaceWith(training.element);
      const { jobs } = await getJson("/api/jobs");
      const tunes = jobs.filter((/** @type {any} */ job) => job.request.kind === "tune");
      for (const job of tunes) show(job, "append");
    } catch (thrown) {
      if (!signal.aborted) notify(messageOf(thrown));
    }
  };
  void open();
}
