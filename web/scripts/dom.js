/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Makes an element. Text is always text: nothing here can turn a string into markup. `on*` properties are listeners, `class` and other
 * names attributes; null, undefined and false leave an attribute out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  applyProperties(element, properties);
  append(element, children.flat());
  return element;
}

/**
 * The same for a drawing.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...Child} children
 */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  applyProperties(element, properties);
  append(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {Record<string, unknown>} properties
 */
function applyProperties(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "value" && "value" in element) {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/**
 * @param {Element} element
 * @param {Child[]} children
 */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Shows a line for a few seconds, and to screen readers.
 * @param {string} text
 */
export function notify(text) {
  const line = document.getElementById("notice");
  if (!line) return;
  line.textContent = text;
  line.classList.add("shown");
  clearTimeout(Number(line.dataset["timer"]));
  line.dataset["timer"] = String(setTimeout(() => line.classList.remove("shown"), 5000));
}

/**
 * Has a button do its work, once at a time; what goes wrong is shown.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} work
 */
export async function press(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  // The property `disabled` would take the focus from it.
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (thrown) {
    notify(messageOf(thrown));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/**
 * Replaces what a place shows. A keyboard that was there goes on with the control of the same name; where that is gone, with the one that
 * stands at its number now; where there is none, with the place itself.
 * @param {HTMLElement} place can be focused from here on
 * @param {...(Node | string)} children
 */
export function redraw(place, ...children) {
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const number = controlsOf(place).indexOf(focused);
  const name = nameOf(focused);
  place.replaceChildren(...children);
  if (number < 0) return;
  place.tabIndex = -1;
  const controls = controlsOf(place);
  const same = controls.find((control) => nameOf(control) === name);
  (same ?? controls[Math.min(number, controls.length - 1)] ?? place).focus();
}

/** @param {HTMLElement} place */
const controlsOf = (place) =>
  /** @type {HTMLElement[]} */ ([...place.querySelectorAll("a, button")]);

/** @param {HTMLElement} control */
const nameOf = (control) => control.ariaLabel ?? control.textContent;

/** @param {unknown} thrown */
export const messageOf = (thrown) => (thrown instanceof Error ? thrown.message : String(thrown));

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** @param {number} ms */
export const milliseconds = (ms) =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
