import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { silentLog } from "../../core/index.ts";
import { Jobs } from "../../pipeline/jobs/jobs.ts";
import { createApp } from "../../pipeline/server/app.ts";
import { type Listening, listen } from "../../pipeline/server/listen.ts";
import { ServerState } from "../../pipeline/server/server-state.ts";
import type { StoreView } from "../../pipeline/server/store-view.ts";
import { readSettings } from "../../pipeline/settings.ts";
import { FakeAnswerer } from "../pipeline/fake-answerer.ts";
import { answersComplete, openBrowser, openPage } from "./browser.ts";
import { PAYLOADS } from "./payloads.ts";

const everything = PAYLOADS.join("\n\n");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

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
    const settings = readSettings({
      flags: { store: tmpdir() },
      environment: {},
      configPath: "none.json",
      isConfigRequired: false,
      defaultCache: tmpdir(),
    });
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
    assert.deepEqual(wrongs, []);
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

/** What axe finds wrong, in a word each. */
async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger: the page's own policy would refuse a script that is put into it.
  await page.evaluate(axe);
  return page.evaluate(
    `axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 120)))`,
  );
}
