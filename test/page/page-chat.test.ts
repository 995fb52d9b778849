import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { FakeAnswerer } from "../pipeline/fake-answerer.ts";
import { answersComplete, openBrowser, openPage } from "./browser.ts";
import { servePage } from "./served-page.ts";

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** An answer that is not gone on with before `open()`. */
function gatedAnswerer() {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const answerer = new FakeAnswerer({ gate: () => gate });
  return { answerer, open };
}

test("a question outlives a reload before its answer, and can be asked again", async (t) => {
  const { answerer, open } = gatedAnswerer();
  const { url } = await servePage(t, { answerer });
  const { page, wrongs } = await openPage(browser, url);
  await page.fill("#question", "When is high water?");
  await page.keyboard.press("Enter");
  await page.locator(".answer-text", { hasText: "at" }).waitFor();
  await page.reload();
  await page.locator(".answer-text", { hasText: "left before the answer came" }).waitFor();
  assert.equal(await page.textContent(".turn h2"), "When is high water?");
  open();
  await page.click("text=Ask again");
  await page.locator(".answer-text", { hasText: "at noon" }).waitFor();
  await answersComplete(page);
  assert.equal(await page.locator(".turn").count(), 1);
  const [first, second] = answerer.requests;
  assert.deepEqual(second!.messages, first!.messages);
  assert.equal(second!.sampling.temperature, first!.sampling.temperature);
  await page.reload();
  await page.locator(".answer-text", { hasText: "at noon" }).waitFor();
  assert.equal(await page.locator(".answer-actions", { hasText: "Regenerate" }).count(), 1);
  assert.equal(await page.textContent(".answer-sources summary"), "1 passage found, 1 read");
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a question goes with what it follows, also where that had no answer", async (t) => {
  const answerer = new FakeAnswerer({ pieces: [""] });
  const { url } = await servePage(t, { answerer });
  const { page, wrongs } = await openPage(browser, url);
  for (const question of ["Who built the lighthouse of Orrin?", "When was it built?"]) {
    await page.fill("#question", question);
    await page.keyboard.press("Enter");
    await answersComplete(page);
  }
  assert.deepEqual(answerer.requests.at(-1)!.messages, [
    { role: "user", text: "Who built the lighthouse of Orrin?" },
    { role: "assistant", text: "The documents do not seem to answer this." },
    { role: "user", text: "When was it built?" },
  ]);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

const WAYS_TO_ASK: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  "a double click on Ask": (page) => page.dblclick(".composer .primary"),
  "the key Enter held down": async (page) => {
    await page.focus("#question");
    // What is pressed again before it was let go is a repetition.
    await page.keyboard.down("Enter");
    await page.keyboard.down("Enter");
  },
};

for (const [name, askBy] of Object.entries(WAYS_TO_ASK)) {
  test(`${name} asks once, and does not stop the answer`, async (t) => {
    const { answerer, open } = gatedAnswerer();
    const { url } = await servePage(t, { answerer });
    const { page, wrongs } = await openPage(browser, url);
    await page.fill("#question", "When is high water?");
    await askBy(page);
    await page.locator(".answer-text", { hasText: "at" }).waitFor();
    open();
    await answersComplete(page);
    assert.deepEqual(await page.locator(".answer-text").allTextContents(), ["at noon"]);
    assert.equal(answerer.requests.length, 1);
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });
}
