import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { parseTuneSettings } from "../../ptuning/index.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { startForeword } from "../pipeline/foreword.ts";
import { answersComplete, drop, openBrowser, openPage, requireAccessible } from "./browser.ts";

const LIGHTHOUSE = `# The lighthouse of Orrin

The lighthouse of Orrin is 61 metres tall. It was designed by Hanna Veld and first lit in 1904.

# The keepers

Three keepers lived there. The last of them, Tomas Reed, kept forty hens in the lantern room.
`;

/** Twelve pairs that the document answers. */
const PAIRS = [
  ["How tall is the lighthouse of Orrin?", "61 metres"],
  ["Who designed the lighthouse of Orrin?", "Hanna Veld"],
  ["When was the lighthouse first lit?", "1904"],
  ["How many keepers lived there?", "Three"],
  ["Who was the last keeper?", "Tomas Reed"],
  ["What did Tomas Reed keep?", "forty hens"],
].flatMap(([question, answer], index) => [
  { id: `a${index}`, question, answers: [answer] },
  { id: `b${index}`, question: `Please tell me: ${question}`, answers: [answer] },
]);

describe("the page with the real models, from an empty store to a trained prompt", () => {
  let folder: string;
  let browser: Browser;
  let server: { readonly child: ChildProcess; readonly url: string };
  const stderr: string[] = [];

  const start = async () => {
    const cache = defaultCacheFolder(process.env, process.platform, homedir());
    const child = startForeword(
      ["serve", "--port", "0", "--store", join(folder, "store"), "--cache", cache],
      { cwd: folder },
    );
    child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout!.setEncoding("utf8").once("data", resolve);
      child.once("exit", (code) => reject(new Error(`ended with ${code}: ${stderr.join("")}`)));
    });
    return { child, url: (JSON.parse(line) as { url: string }).url };
  };
  const stop = async () => {
    const ended = new Promise((resolve) => server.child.once("exit", resolve));
    server.child.kill("SIGTERM");
    return ended;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-page-"));
    await writeFile(join(folder, "broken.pdf"), "%PDF-1.4\nno more");
    const lines = PAIRS.map((pair) => JSON.stringify(pair)).join("\n");
    await writeFile(join(folder, "questions.jsonl"), lines);
    browser = await openBrowser();
    server = await start();
  });
  after(async () => {
    await browser.close();
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = async (page: Page, question: string) => {
    await page.fill("#question", question);
    await page.click(".composer .primary");
    await answersComplete(page);
  };

  test("documents are dropped and chosen, with the progress of each; a broken one is named with the reason", async () => {
    const { page, wrongs } = await openPage(browser, server.url);
    await page.click("text=Add documents");
    const taken = await drop(page, ".drop", { name: "lighthouse.md", text: LIGHTHOUSE });
    // Of an event that is not taken the browser would open the file.
    assert.deepEqual(taken, ["dragenter", "dragover", "drop"]);
    await page.setInputFiles("#files", join(folder, "broken.pdf"));
    await page.waitForSelector(".uploads .ready", { timeout: 60_000 });
    await page.waitForSelector(".uploads .refused", { timeout: 60_000 });
    assert.match((await page.textContent(".uploads .refused")) ?? "", /broken\.pdf.*PDF/i);
    await page.waitForSelector("text=The lighthouse of Orrin");
    await requireAccessible(page, "uploads");
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });

  test("a question is answered with a citation that opens its place in the document", async () => {
    const { page, wrongs } = await openPage(browser, server.url);
    await ask(page, "How tall is the lighthouse of Orrin?");
    assert.match((await page.textContent(".answer-text")) ?? "", /61/);
    await page.click(".citation");
    const marked = await page.waitForSelector(".reader-text mark");
    assert.match((await marked.textContent()) ?? "", /61 metres tall/);
    await requireAccessible(page, "a document opened at its citation");
    await page.goto(`${server.url}/#/documents`);
    await page.locator(".reader").waitFor({ state: "hidden" });
    await page.goto(`${server.url}/#/chat`);
    await page.click(".answer-sources summary");
    assert.match(
      (await page.textContent(".times")) ?? "",
      /search .* reading .* writing .* tokens\/s/,
    );
    await page.reload();
    await page.waitForSelector(".answer-text");
    assert.match((await page.textContent(".answer-text")) ?? "", /61/);
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });

  test("the same question is answered two ways side by side", async () => {
    const { page } = await openPage(browser, server.url);
    await page.waitForSelector("#compare option[value=base]", { state: "attached" });
    await page.selectOption("#compare", "base");
    await ask(page, "Who designed the lighthouse of Orrin?");
    assert.equal(await page.locator(".beside .answer").count(), 2);
    const labels = await page.locator(".answer-by").allTextContents();
    assert.deepEqual(labels, ["Without a learned prompt", "Model alone, no documents"]);
    await requireAccessible(page, "two answers side by side");
    await page.context().close();
  });

  test("a prompt is trained through a stop, a reload and a restart of the server, and compared", async () => {
    const first = await openPage(browser, `${server.url}/#/training`);
    await first.page.setInputFiles("#qa-upload", join(folder, "questions.jsonl"));
    await first.page.waitForSelector('#qa-file option[value="questions.jsonl"]', {
      state: "attached",
    });
    await first.page.selectOption("#qa-file", "questions.jsonl");
    await first.page.selectOption("[name=method]", "lora");
    assert.equal(await first.page.isVisible("[name=rank]"), true);
    assert.equal(await first.page.isVisible("[name=tokens]"), false);
    await first.page.selectOption("[name=method]", "p-tuning-v2");
    const { tokens, epochs, passages, batch, seed } = parseTuneSettings({}, "test");
    for (const [name, value] of Object.entries({ tokens, epochs, passages, batch, seed })) {
      assert.equal(await first.page.inputValue(`[name=${name}]`), String(value), name);
    }
    await first.page.fill("[name=tokens]", "4");
    await first.page.fill("[name=epochs]", "2");
    await first.page.fill("[name=testQuestions]", "2");
    await first.page.click("text=Start training");
    await first.page.click('.run button:text-is("Stop")');
    await first.page.locator(".run-status", { hasText: /^Stopped/ }).waitFor({ timeout: 60_000 });
    await first.page.click('.run button:text-is("Go on")');
    await first.page.waitForSelector(".run .chart", { timeout: 120_000 });
    await first.page.reload();
    await first.page.waitForSelector(".run .chart", { timeout: 60_000 });
    await first.page.context().close();
    assert.equal(await stop(), 0);
    server = await start();
    const { page, wrongs } = await openPage(browser, `${server.url}/#/training`);
    await page.waitForSelector(".comparison", { timeout: 180_000 });
    assert.match((await page.textContent(".comparison h3")) ?? "", /2 questions/);
    assert.equal(await page.locator(".comparison .listing:not(.scores) tbody tr").count(), 2);
    const captions = await page.locator(".run figcaption").allTextContents();
    assert.deepEqual(captions, ["Training loss by step", "Held-out F1 by epoch"]);
    const heldOut = page.locator(".run .chart").nth(1);
    assert.match((await heldOut.getAttribute("aria-label")) ?? "", /^Held-out F1: \d+ at 2$/);
    assert.equal(await heldOut.locator(".dot").count(), 2);
    await requireAccessible(page, "a training's charts and comparison");
    await page.goto(`${server.url}/#/prompts`);
    assert.match((await page.textContent(".card h2")) ?? "", /^mine$/);
    await page.click("text=Ask with it");
    await ask(page, "Who was the last keeper?");
    assert.equal(await page.textContent(".answer-by"), "Learned prompt: mine");
    assert.deepEqual(wrongs, []);
    await page.context().close();
  });

  test("the log names every request, and has no text of documents, questions or answers", () => {
    assert.doesNotMatch(stderr.join(""), /lighthouse|keeper|Orrin|metres/i);
    // The last may still be on its way.
    const lines = stderr.join("").split("\n").slice(0, -1);
    const requests = lines.filter((line) => line.includes('"msg":"request"'));
    const ids = requests.map((line) => (JSON.parse(line) as { requestId: string }).requestId);
    assert.ok(ids.length > 0);
    assert.equal(new Set(ids).size, ids.length);
  });
});
