import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, openPage, untilTrue } from "./browser.ts";
import { servePage } from "./served-page.ts";

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

test("Skip to content goes to the content of the view that is open", async (t) => {
  const { url } = await servePage(t);
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  await page.waitForSelector(".listing");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
  await page.keyboard.press("Enter");
  await untilTrue(page, `document.activeElement.id === "main"`);
  assert.equal(page.url(), `${url}/#/documents`);
  assert.equal(await page.getAttribute("#main", "class"), "view-documents");
  assert.equal(await page.locator(".listing").count(), 1);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("an address that names no view, or is typed wrong, shows the view Ask", async (t) => {
  const { url } = await servePage(t);
  for (const hash of ["#/toString", "#/constructor", "#/nowhere", "#/chat/%", "#/chat/%ff"]) {
    const { page, wrongs } = await openPage(browser, `${url}/${hash}`);
    await page.waitForSelector(".welcome");
    assert.equal(await page.title(), "Ask · Foreword", hash);
    assert.deepEqual(wrongs, [], hash);
    await page.context().close();
  }
});

const removals = [
  {
    view: "documents",
    options: { documents: 3 },
    names: ["Document 1", "Document 2", "Document 0"],
    last: ".document-list",
  },
  {
    view: "prompts",
    options: { prompts: ["a", "b", "c"] },
    names: ["b", "c", "a"],
    last: "main a",
  },
];
for (const { view, options, names, last } of removals) {
  test(`the keyboard goes on where one of the ${view} was removed`, async (t) => {
    const { url } = await servePage(t, options);
    const { page, wrongs } = await openPage(browser, `${url}/#/${view}`);
    await page.evaluate("window.confirm = () => true");
    await page.locator(`[aria-label="Remove ${names[0]}"]`).focus();
    for (const name of names) {
      await page.locator(`[aria-label="Remove ${name}"]:focus`).waitFor();
      await page.keyboard.press("Enter");
    }
    await page.locator(`${last}:focus`).waitFor();
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });
}
