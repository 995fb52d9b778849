import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { until } from "../pipeline/until.ts";
import { findChromium } from "./find-chromium.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** For what a page shows sooner or later, on a machine that is slow and busy with other things. */
const WAIT_MS = 120_000;

/** Headless Chromium. Fails, and says how to get one, where there is none. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) {
    throw new Error(
      "the page is tested in Chromium, and there is none: apt-get install chromium, or name one with TEST_CHROMIUM",
    );
  }
  // Containers run tests as root, where Chromium's sandbox cannot be made.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args });
}

/** A page that notes everything it should not do. */
export interface WatchedPage {
  readonly page: Page;
  /** Scripts that ran, dialogs, errors, and requests to anywhere but the server. */
  readonly wrongs: string[];
}

/** Opens a page on a server. `pwned` is what a smuggled script would call. */
export async function openPage(browser: Browser, url: string): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const wrongs: string[] = [];
  const { origin } = new URL(url);
  await page.exposeFunction("pwned", (what: string) => wrongs.push(`script ran: ${what}`));
  page.on("dialog", (dialog) => {
    wrongs.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => wrongs.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") wrongs.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const target = request.url();
    if (!target.startsWith(`${origin}/`)) wrongs.push(`request: ${target.slice(0, 200)}`);
  });
  await page.goto(url);
  return { page, wrongs };
}

/** Waits for the answers of a question that was asked to be complete. */
export const answersComplete = (page: Page) =>
  page.locator(".composer .primary", { hasText: /^Ask$/ }).waitFor({ timeout: 120_000 });

/**
 * Waits until an expression is true on the page. Evaluated by the debugger each time: Playwright's own waitForFunction evaluates in the page
 * from the second time on, which the page's policy refuses.
 */
export const untilTrue = (page: Page, expression: string): Promise<void> =>
  until(expression, () => page.evaluate<boolean>(expression));

/** What axe finds wrong, in a word each. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger: the page's own policy would refuse a script that is put into it.
  await page.evaluate(axe);
  return page.evaluate(
    `axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 120)))`,
  );
}

/** Nothing that axe can find is wrong with what the page shows, light and dark. */
export async function requireAccessible(page: Page, what: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await violations(page), [], `${what}, ${colorScheme}`);
  }
}

/** Drags a file over a place of the page and lets it go there; gives the events that the page took upon itself. */
export function drop(
  page: Page,
  selector: string,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<string[]> {
  return page.evaluate(`(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)}));
    const place = document.querySelector(${JSON.stringify(selector)});
    const event = (type) => new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
    return ["dragenter", "dragover", "drop"].filter((type) => !place.dispatchEvent(event(type)));
  })()`);
}
