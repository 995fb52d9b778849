import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { MAX_UPLOAD_BYTES } from "../../pipeline/uploads.ts";
import { openBrowser, openPage, untilTrue } from "./browser.ts";
import { servePage } from "./served-page.ts";

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** Characters that are two units long, so that a piece may begin within one. */
const TEXT = Array.from({ length: 22_000 }, (_, index) => `😀 tide ${index % 10}\n`).join("");
/** Longer than what the server gives at once. */
const MARK = { start: 10_001, end: 215_001 };

test("a document longer than the server gives at once is read to both ends, its passage marked", async (t) => {
  assert.ok(TEXT.length > MARK.end + 3000);
  const { url } = await servePage(t, { text: TEXT });
  const { page, wrongs } = await openPage(browser, url);
  await page.evaluate(
    `import("/scripts/reader.js").then(({ openReader }) =>
      openReader({ id: "d0", title: "Tides", source: "tides.txt" }, ${JSON.stringify(MARK)}))`,
  );
  for (const label of ["Later text", "Earlier text"]) {
    const button = page.locator(".reader button", { hasText: label });
    for (let press = 0; press < 10 && (await button.isVisible()); press++) {
      const shown = await page.textContent(".reader-text > p");
      await button.click();
      await untilTrue(
        page,
        `document.querySelector(".reader-text > p").textContent.length > ${shown!.length}`,
      );
    }
    assert.equal(await button.isVisible(), false, label);
  }
  assert.equal(await page.textContent(".reader-text > p"), TEXT);
  assert.equal(await page.textContent(".reader-text mark"), TEXT.slice(MARK.start, MARK.end));
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("earlier text does not move what is being read", async (t) => {
  const { url } = await servePage(t, { text: TEXT });
  const { page } = await openPage(browser, url);
  await page.evaluate(
    `import("/scripts/reader.js").then(({ openReader }) =>
      openReader({ id: "d0", title: "Tides", source: "tides.txt" }, { start: 50_000, end: 50_100 }))`,
  );
  const top = () =>
    page.evaluate(`document.querySelector(".reader mark").getBoundingClientRect().top`);
  await page.locator(".reader button", { hasText: "Earlier text" }).scrollIntoViewIfNeeded();
  const before = Number(await top());
  const shown = await page.textContent(".reader-text > p");
  await page.click("text=Earlier text");
  await untilTrue(
    page,
    `document.querySelector(".reader-text > p").textContent.length > ${shown!.length}`,
  );
  assert.ok(Math.abs(Number(await top()) - before) < 2);
  await page.context().close();
});

test("a selection that ends beside the reader leaves it open; a click beside it closes it", async (t) => {
  const { url } = await servePage(t);
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  await page.click("text=Document 0");
  // Before its text has come the reader has another size and place.
  await page.locator(".reader", { hasText: "High water is at noon." }).waitFor();
  const text = (await page.locator(".reader-text > p").first().boundingBox())!;
  await page.mouse.move(text.x + 20, text.y + 5);
  await page.mouse.down();
  await page.mouse.move(5, text.y + 5, { steps: 3 });
  await page.mouse.up();
  assert.equal(await page.isVisible(".reader"), true);
  await page.mouse.click(5, text.y + 5);
  await page.locator(".reader").waitFor({ state: "hidden" });
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a piece of a document that cannot be had is told in the reader, and can be asked for again", async (t) => {
  const served = await servePage(t);
  let isFailing = true;
  served.intercept = (request, response) => {
    if (!isFailing || !request.url?.startsWith("/api/document?")) return false;
    response.writeHead(503).end();
    return true;
  };
  const { page } = await openPage(browser, `${served.url}/#/documents`);
  await page.click("text=Document 0");
  await page.locator(".reader .problem", { hasText: "503" }).waitFor();
  isFailing = false;
  await page.keyboard.press("Escape");
  await page.click("text=Document 0");
  await page.locator(".reader", { hasText: "High water is at noon." }).waitFor();
  assert.equal(await page.isVisible(".reader .problem"), false);
  await page.context().close();
});

test("all documents of a large store can be listed, opened and removed", async (t) => {
  const { url } = await servePage(t, { documents: 1201 });
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  await page.waitForSelector("text=The first 500 of 1201.");
  await page.click("text=Show more");
  await page.waitForSelector("text=The first 1000 of 1201.");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Document 500");
  await page.click("text=Show more");
  await page.waitForSelector(".listing tbody tr:nth-child(1201)");
  assert.equal(await page.locator("text=Show more").count(), 0);
  await page.click("text=Document 1200");
  await page.locator(".reader", { hasText: "High water is at noon." }).waitFor();
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a file that is larger than the server takes is not sent", async (t) => {
  const { url } = await servePage(t);
  const { page, wrongs } = await openPage(browser, url);
  const sendOf = (bytes: number) =>
    page.evaluate(
      `import("/scripts/api.js").then(({ upload }) =>
        upload("documents", { name: "a.md", size: ${bytes} }, () => {}))`,
    );
  await assert.rejects(sendOf(MAX_UPLOAD_BYTES + 1), /larger than 200 MiB; split it/);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a document without a title is called by its source, also where it is removed", async (t) => {
  const { url } = await servePage(t, { title: () => "" });
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  await page.click(`[aria-label="Remove d0.txt"]`);
  assert.deepEqual(wrongs, [`dialog: Remove "d0.txt" from the store?`]);
  await page.context().close();
});
