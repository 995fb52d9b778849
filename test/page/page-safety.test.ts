import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { silentLog } from "../../core/index.ts";
import { Jobs } from "../../pipeline/jobs/jobs.ts";
import { createApp } from "../../pipeline/server/app.ts";
import { type Listening, listen } from "../../pipeline/server/listen.ts";
import { ServerState } from "../../pipeline/server/server-state.ts";
import type { StoreView } from "../../pipeline/server/store-view.ts";
import { FakeAnswerer } from "../pipeline/fake-answerer.ts";
import { settingsOf } from "../pipeline/settings-of.ts";
import { answersComplete, openBrowser, openPage, untilTrue, violations } from "./browser.ts";
import { PAYLOADS } from "./payloads.ts";

const everything = PAYLOADS.join("\n\n");

/** What answers are written in, and what becomes of it. */
const MARKDOWN = [
  [
    "**High** at *noon*, see `tides`",
    "<p><strong>High</strong> at <em>noon</em>, see <code>tides</code></p>",
  ],
  ["one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"],
  [
    "- a\n- b\n  1. c\n  2. d",
    '<ul><li>a</li><li>b<ol start="1"><li>c</li><li>d</li></ol></li></ul>',
  ],
  ["3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'],
  [
    "| Port | Tide |\n| --- | ---: |\n| Ansel | **2** m |",
    "<table><thead><tr><th>Port</th><th>Tide</th></tr></thead><tbody><tr><td>Ansel</td><td><strong>2</strong> m</td></tr></tbody></table>",
  ],
  [
    "```js title=a.js\n**a** < b\n```",
    '<pre tabindex="0"><code data-language="js">**a** &lt; b</code></pre>',
  ],
  ["## Tides\n> quoted", "<h4>Tides</h4><blockquote><p>quoted</p></blockquote>"],
] as const;

/** A store whose every title, name and text is hostile. */
const hostileView: StoreView = {
  status: async () => ({ model: "m", embedder: "e", documents: 50, passages: 50 }),
  documents: async () =>
    PAYLOADS.map((text, index) => ({ id: `${index}`, source: text, title: text, format: text })),
  documentText: async (id) => ({
    id,
    source: everything,
    title: everything,
    format: "txt",
    start: 0,
    end: everything.length,
    length: everything.length,
    text: everything,
  }),
  removeDocument: async () => {},
  search: async () => [],
  prompts: async () => PAYLOADS.map((text) => ({ name: text, problem: text })),
  removePrompt: async () => {},
};

describe("the page, with hostile texts everywhere", () => {
  let browser: Browser;
  let server: Listening;
  let answerer: FakeAnswerer;
  let gate = Promise.resolve();

  before(async () => {
    browser = await openBrowser();
    answerer = new FakeAnswerer({
      pieces: PAYLOADS.map((text) => `${text}\n\n`),
      gate: () => gate,
      passage: { title: everything, text: everything, source: everything },
    });
    const state = new ServerState();
    state.becomeReady();
    const settings = settingsOf(tmpdir(), { store: tmpdir() });
    const jobs = new Jobs(settings, silentLog);
    const app = createApp({
      answerer,
      state,
      log: silentLog,
      apiKeys: [],
      maxActive: 4,
      maxWaiting: 4,
      timeoutMs: 60_000,
      page: { store: settings.store, view: hostileView, jobs },
    });
    server = await listen(app, { host: "127.0.0.1", port: 0 });
  });
  after(async () => {
    await browser.close();
    await server.close(0);
  });

  const ask = async (page: Page, question: string) => {
    await page.fill("#question", question);
    await page.keyboard.press("Enter");
    await answersComplete(page);
  };

  test(`${PAYLOADS.length} payloads in answers, titles and documents run nothing and ask for nothing`, async () => {
    assert.equal(PAYLOADS.length, 50);
    const { page, wrongs } = await openPage(browser, server.url);
    await ask(page, everything);
    const shown = await page.textContent(".answer-text");
    assert.match(shown ?? "", /<script>pwned\(1\)<\/script>/);
    await page.click(".answer-sources summary");
    await page.click(".citation");
    await page.waitForSelector(".reader-text mark");
    assert.match((await page.textContent(".reader-text")) ?? "", /onerror=pwned\(2\)/);
    await page.keyboard.press("Escape");
    await page.goto(`${server.url}/#/documents`);
    await page.waitForSelector(".listing tbody tr:nth-child(50)");
    await page.goto(`${server.url}/#/prompts`);
    await page.waitForSelector(".card:nth-child(50)");
    await page.goto(`${server.url}/#/chat/${encodeURIComponent(PAYLOADS[1]!)}`);
    await page.reload();
    await page.waitForSelector(".answer-text");
    const foreign = await page.$$eval(
      "main script, main img, main iframe, main object, main style, main link, main form form, main [onerror]",
      (found) => found.length,
    );
    assert.equal(foreign, 0);
    const links = await page.$$eval("main a[href]", (found) =>
      found.map((link) => String((link as unknown as { protocol: string }).protocol)),
    );
    assert.deepEqual(
      [...new Set(links)].filter((one) => !/^https?:$/.test(one)),
      [],
    );
    const expected = { strong: 34, em: 35, h3: 32, li: 31, blockquote: 30, pre: 28 };
    for (const [element, number] of Object.entries(expected)) {
      const texts = await page.locator(`.answer-text ${element}`).allTextContents();
      assert.ok(texts.join("").includes(`pwned(${number})`), `${element}: ${texts}`);
    }
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });

  test("Markdown of answers becomes elements", async () => {
    const { page } = await openPage(browser, server.url);
    for (const [text, html] of MARKDOWN) {
      const shown = await page.evaluate(`import("/scripts/markdown.js").then(({ markdown }) => {
        const place = document.createElement("div");
        place.append(markdown(${JSON.stringify(text)}));
        return place.innerHTML;
      })`);
      assert.equal(shown, html);
    }
    await page.context().close();
  });

  test("Regenerate asks for the one answer again, in its place and less predictably", async () => {
    const { page, wrongs } = await openPage(browser, server.url);
    await page.waitForSelector("#compare option[value=base]", { state: "attached" });
    await page.selectOption("#compare", "base");
    await ask(page, "When is high water?");
    const before = answerer.requests.length;
    const shown = await page.locator(".answer-text").allTextContents();
    await page.locator(".answer", { hasText: "Model alone" }).getByText("Regenerate").click();
    await answersComplete(page);
    assert.equal(answerer.requests.length, before + 1);
    const { mode, sampling, messages } = answerer.requests.at(-1)!;
    assert.equal(mode, "bare");
    assert.deepEqual([sampling.temperature, sampling.topP], [0.7, 0.95]);
    assert.deepEqual(messages, [{ role: "user", text: "When is high water?" }]);
    assert.deepEqual(await page.locator(".answer-text").allTextContents(), shown);
    assert.equal(await page.locator(".turn").count(), 1);
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });

  test("the theme button switches and is remembered; the key / goes to the question", async () => {
    const { page } = await openPage(browser, `${server.url}/#/prompts`);
    const background = () =>
      page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const light = await background();
    await page.click("#theme");
    assert.notEqual(await background(), light);
    await page.reload();
    assert.notEqual(await background(), light);
    await page.click("#theme");
    assert.equal(await background(), light);
    await page.goto(`${server.url}/#/chat`);
    await untilTrue(page, `document.activeElement.id === "question"`);
    await page.focus(".wordmark");
    await page.keyboard.press("/");
    await page.keyboard.type("1/2");
    assert.equal(await page.inputValue("#question"), "1/2");
    await page.context().close();
  });

  test("every view passes axe, light and dark, also at phone width", async () => {
    const { page, wrongs } = await openPage(browser, server.url);
    await ask(page, "When is high water?");
    await page.click(".answer-sources summary");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const view of ["chat", "documents", "training", "prompts"]) {
        await page.goto(`${server.url}/#/${view}`);
        await page.waitForSelector(`main.view-${view} > *`);
        assert.deepEqual(await violations(page), [], `${view}, ${colorScheme}`);
      }
    }
    await page.setViewportSize({ width: 375, height: 700 });
    for (const view of ["chat", "training"]) {
      await page.goto(`${server.url}/#/${view}`);
      await page.waitForSelector(`main.view-${view} > *`);
      assert.deepEqual(await violations(page), [], `${view} on a phone`);
      const width = Number(await page.evaluate("document.documentElement.scrollWidth"));
      assert.ok(width <= 375, `${view} is ${width} wide`);
    }
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });

  test("an answer comes piece by piece, and Escape stops it", async () => {
    let open = () => {};
    gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { page } = await openPage(browser, server.url);
    await page.fill("#question", "When is high water?");
    await page.keyboard.press("Enter");
    await page.locator(".answer-text", { hasText: "pwned(1)" }).waitFor();
    assert.equal(await page.textContent(".composer .primary"), "Stop");
    await page.keyboard.press("Escape");
    await answersComplete(page);
    assert.match((await page.textContent(".answer-text")) ?? "", /Stopped\.$/);
    open();
    await answerer.stopped;
    await page.context().close();
  });
});
