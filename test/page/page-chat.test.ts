import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { FakeAnswerer } from "../pipeline/fake-answerer.ts";
import { answersComplete, openBrowser, openPage, untilTrue } from "./browser.ts";
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

const HANDBOOK = `#/chat/${encodeURIComponent("foreword@handbook")}`;

/** Has requests to an address fail, until the function that is returned is called. */
function fail(served: Awaited<ReturnType<typeof servePage>>, path: string, status: number) {
  let isFailing = true;
  served.intercept = (request, response) => {
    if (!isFailing || request.url !== path) return false;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "the server is busy." } }));
    return true;
  };
  return () => {
    isFailing = false;
  };
}

async function ask(page: Page, question: string) {
  await page.fill("#question", question);
  await page.keyboard.press("Enter");
  await answersComplete(page);
}

test("an answer that is drawn again stays in its turn, also after the status could not be had", async (t) => {
  const served = await servePage(t);
  fail(served, "/api/status", 503);
  const { page } = await openPage(browser, served.url);
  await page.locator(".log .problem", { hasText: "busy" }).waitFor();
  await ask(page, "When is high water?");
  await ask(page, "When is low water?");
  await page.locator(".turn", { hasText: "low water" }).getByText("Regenerate").click();
  await answersComplete(page);
  assert.equal(served.answerer.requests.length, 3);
  assert.deepEqual(await page.locator(".turn h2").allTextContents(), [
    "When is high water?",
    "When is low water?",
  ]);
  await page.context().close();
});

test("Regenerate leaves the keyboard where it is, and the other answer as it was", async (t) => {
  const { url } = await servePage(t);
  const { page, wrongs } = await openPage(browser, url);
  await page.waitForSelector("#compare option[value=base]", { state: "attached" });
  await page.selectOption("#compare", "base");
  await ask(page, "When is high water?");
  const [one, other] = [page.locator(".answer").first(), page.locator(".answer").last()];
  await other.locator("summary").click();
  await one.getByText("Regenerate").focus();
  await page.keyboard.press("Enter");
  await answersComplete(page);
  await one.locator("button:focus", { hasText: "Regenerate" }).waitFor();
  assert.equal(await other.locator("details[open]").count(), 1);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a question that was refused is asked again as at first", async (t) => {
  const served = await servePage(t);
  const pass = fail(served, "/v1/chat/completions", 429);
  const { page } = await openPage(browser, served.url);
  await ask(page, "When is high water?");
  await page.locator(".answer .problem", { hasText: "busy" }).waitFor();
  pass();
  await page.click("text=Ask again");
  await page.locator(".answer-text", { hasText: "at noon" }).waitFor();
  await answersComplete(page);
  await ask(page, "When is low water?");
  const [again, first] = served.answerer.requests;
  assert.equal(again!.sampling.temperature, first!.sampling.temperature);
  assert.equal(again!.sampling.topP, first!.sampling.topP);
  await page.context().close();
});

test("the prompt that is asked with stays chosen in a new chat", async (t) => {
  const { url, answerer } = await servePage(t);
  const { page, wrongs } = await openPage(browser, `${url}/${HANDBOOK}`);
  await page.waitForSelector(".welcome");
  await page.click("text=New chat");
  await page.waitForSelector(".welcome");
  assert.equal(await page.inputValue("#model"), "foreword@handbook");
  await page.selectOption("#model", "foreword@none");
  await page.click("text=New chat");
  await page.waitForSelector(".welcome");
  assert.equal(await page.inputValue("#model"), "foreword@none");
  assert.equal(answerer.requests.length, 0);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("the prompt that is asked with answers also where the status could not be had", async (t) => {
  const served = await servePage(t);
  fail(served, "/api/status", 503);
  const { page } = await openPage(browser, `${served.url}/${HANDBOOK}`);
  await page.locator(".log .problem").waitFor();
  await ask(page, "When is high water?");
  assert.equal(served.answerer.requests[0]!.prompt, "handbook");
  await page.context().close();
});

test("Escape that closes the reader, or is the input method's, does not stop the answer", async (t) => {
  let gate = Promise.resolve();
  const answerer = new FakeAnswerer({ gate: () => gate });
  const { url } = await servePage(t, { answerer });
  const { page, wrongs } = await openPage(browser, url);
  await ask(page, "When is high water?");
  let open = () => {};
  gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await page.fill("#question", "When is low water?");
  await page.keyboard.press("Enter");
  await page.locator(".answer-text", { hasText: /^at$/ }).waitFor();
  await page.evaluate(
    `document.querySelector("#question").dispatchEvent(
      new KeyboardEvent("keydown", { key: "Escape", isComposing: true, bubbles: true }))`,
  );
  await page.click(".citation");
  await page.locator(".reader", { hasText: "tides.md" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".reader").waitFor({ state: "hidden" });
  open();
  await answersComplete(page);
  assert.deepEqual(await page.locator(".answer-text").allTextContents(), ["at noon", "at noon"]);
  assert.ok(!wrongs.some((one) => one.startsWith("error")), `${wrongs}`);
  await page.context().close();
});

test("a keyboard that is elsewhere when the status comes stays there", async (t) => {
  const served = await servePage(t);
  let answer = () => {};
  served.intercept = (request, response) => {
    if (request.url !== "/api/status" || request.headers["x-held"]) return false;
    answer = () =>
      void fetch(`${served.url}/api/status`, { headers: { "x-held": "1" } })
        .then((status) => status.text())
        .then((text) => response.end(text));
    return true;
  };
  const { page, wrongs } = await openPage(browser, served.url);
  await untilTrue(page, `document.activeElement.id === "question"`);
  await page.focus("#theme");
  answer();
  await page.waitForSelector(".welcome");
  assert.equal(await page.evaluate("document.activeElement.id"), "theme");
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("an answer is copied where the page has no clipboard of its own, as over plain http", async (t) => {
  const { url } = await servePage(t);
  const { page, wrongs } = await openPage(browser, url);
  await page.evaluate(`Object.defineProperty(navigator, "clipboard", { value: undefined })`);
  await ask(page, "When is high water?");
  await page.click("text=Copy");
  await page.locator(".notice", { hasText: /^Copied\.$/ }).waitFor();
  await page.locator("button:focus", { hasText: "Copy" }).waitFor();
  await page.focus("#question");
  await page.keyboard.press("ControlOrMeta+V");
  assert.equal(await page.inputValue("#question"), "at noon");
  await page.evaluate("document.execCommand = () => false");
  await page.click("text=Copy");
  await page.locator(".notice", { hasText: "does not let this page copy" }).waitFor();
  assert.deepEqual(wrongs, []);
  await page.context().close();
});
