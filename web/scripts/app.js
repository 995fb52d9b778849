import { chatView } from "./chat-view.js";
import { documentsView } from "./documents-view.js";
import { promptsView } from "./prompts-view.js";
import { trainingView } from "./training-view.js";

/** @type {Record<string, { title: string, open: (main: HTMLElement, signal: AbortSignal, argument: string) => void }>} */
const VIEWS = {
  chat: { title: "Ask", open: chatView },
  documents: { title: "Documents", open: documentsView },
  training: { title: "Training", open: trainingView },
  prompts: { title: "Prompts", open: promptsView },
};
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const reader = /** @type {HTMLDialogElement} */ (document.getElementById("reader"));
let leaving = new AbortController();

/** Shows the view that the address names; what the one before still did is stopped. */
function show() {
  const [, name = "chat", argument = ""] = location.hash.split("/");
  const key = Object.hasOwn(VIEWS, name) ? name : "chat";
  const view = /** @type {typeof VIEWS[string]} */ (VIEWS[key]);
  leaving.abort();
  leaving = new AbortController();
  reader.close();
  main.replaceChildren();
  main.className = `view-${key}`;
  document.title = `${view.title} · Foreword`;
  for (const link of document.querySelectorAll(".tabs a")) {
    const isCurrent = link.getAttribute("href") === `#/${key}`;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view.open(main, leaving.signal, decoded(argument));
}

/** What an address says; one that is typed wrong says nothing. @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch (thrown) {
    if (thrown instanceof URIError) return "";
    throw thrown;
  }
}

/** The link's own address would be taken for a view's. @param {Event} event */
function skipToContent(event) {
  event.preventDefault();
  main.focus();
}

function followTheme() {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset["theme"] = chosen;
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset["theme"]
    ? root.dataset["theme"] === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset["theme"] = isDark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset["theme"]);
}

followTheme();
document.querySelector(".skip")?.addEventListener("click", skipToContent);
document.getElementById("theme")?.addEventListener("click", switchTheme);
addEventListener("hashchange", show);
show();
