import { h } from "./dom.js";

/**
 * Puts a text into the clipboard.
 * @param {string} text
 * @returns {Promise<void>} rejected where the browser does not let the page copy
 */
export async function copyText(text) {
  // There is none for a page that comes over plain http from another machine.
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else if (!copyBySelection(text)) {
    throw new Error("The browser does not let this page copy. Select the text and copy it.");
  }
}

/** Whether that went well; the keyboard is back where it was. @param {string} text */
function copyBySelection(text) {
  const focused = document.activeElement;
  const field = h("textarea", { class: "unseen", "aria-hidden": "true", readonly: true });
  field.value = text;
  document.body.append(field);
  field.focus({ preventScroll: true });
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return isCopied;
}
