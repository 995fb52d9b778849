import { getJson, remove } from "./api.js";
import { lineChart, smoothed } from "./chart.js";
import { counted, h, messageOf, press, redraw } from "./dom.js";
import { methodLabel } from "./methods.js";

/**
 * The store's learned prompts, and how each was trained.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function promptsView(main, signal) {
  const list = h("div", { class: "prompt-list" });
  main.append(
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, "Learned prompts"),
      h(
        "p",
        { class: "faint" },
        "A few trained rows between passages and question; the model itself stays as it is.",
      ),
    ),
    list,
  );
  const refresh = () => fill(list, refresh, signal);
  void refresh();
}

/**
 * @param {HTMLElement} list
 * @param {() => Promise<void>} refresh
 * @param {AbortSignal} signal
 */
async function fill(list, refresh, signal) {
  try {
    const { prompts } = await getJson("/api/prompts", signal);
    if (prompts.length > 0)
      redraw(list, ...prompts.map((/** @type {any} */ one) => card(one, refresh)));
    else {
      redraw(
        list,
        h(
          "p",
          { class: "faint" },
          "There are none yet. ",
          h("a", { href: "#/training" }, "Train one"),
          ".",
        ),
      );
    }
  } catch (thrown) {
    if (signal.aborted) return;
    redraw(list, h("p", { class: "problem", role: "alert" }, messageOf(thrown)));
  }
}

/** @param {{ name: string, problem?: string, about?: any }} prompt @param {() => Promise<void>} refresh */
function card({ name, problem, about }, refresh) {
  const removal = h(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-label": `Remove ${name}`,
      onclick: () => press(removal, () => removePrompt(name, refresh)),
    },
    "Remove",
  );
  const actions = h(
    "p",
    { class: "card-actions" },
    about
      ? h(
          "a",
          { class: "button", href: `#/chat/${encodeURIComponent(`foreword@${name}`)}` },
          "Ask with it",
        )
      : null,
    removal,
  );
  if (!about) {
    return h(
      "article",
      { class: "card" },
      h("h2", {}, name),
      h("p", { class: "problem" }, problem ?? ""),
      actions,
    );
  }
  const { training } = about;
  const facts = [
    ["Method", methodLabel(about.method)],
    ["Virtual tokens", String(about.virtualTokens)],
    ["Trained on", counted(training.examples, "example")],
    ["Epochs", String(training.epochs)],
    ["Held-out F1", training.dev ? training.dev.f1.toFixed(1) : "–"],
    ["Held-out EM", training.dev ? training.dev.em.toFixed(1) : "–"],
    ["Model", about.baseModel.name],
    ["Made", madeAt(about.createdAt)],
  ];
  const losses = training.lossCurve.map((/** @type {number} */ y, /** @type {number} */ x) => ({
    x,
    y,
  }));
  return h(
    "article",
    { class: "card" },
    h("h2", {}, name, training.isFinished ? null : h("span", { class: "tag" }, "unfinished")),
    h(
      "dl",
      { class: "facts" },
      ...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
    ),
    losses.length > 1
      ? h(
          "figure",
          {},
          lineChart(smoothed(losses, 8), { label: "Training loss", maxX: losses.length }),
          h("figcaption", {}, "Training loss by step"),
        )
      : null,
    actions,
  );
}

/** Day and minute. @param {string} time */
const madeAt = (time) =>
  new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {string} name @param {() => Promise<void>} refresh */
async function removePrompt(name, refresh) {
  if (!confirm(`Remove the learned prompt "${name}"?`)) return;
  await remove(`/api/prompts/${encodeURIComponent(name)}`);
  await refresh();
}
