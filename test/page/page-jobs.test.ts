import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { JobRequest } from "../../pipeline/jobs/job-record.ts";
import { until } from "../pipeline/until.ts";
import { openBrowser, openPage } from "./browser.ts";
import { FakeJobs } from "./fake-jobs.ts";
import { servePage } from "./served-page.ts";

const WAIT = { timeout: 60_000 };

const training = (name: string): JobRequest => ({
  kind: "tune",
  questions: "questions.jsonl",
  settings: { name },
  testQuestions: 0,
});
const ingest = (...files: string[]): JobRequest => ({ kind: "ingest", files });
const step = (number: number) => ({
  event: "step",
  step: number,
  steps: 9,
  epoch: 1,
  loss: 2,
  secondsLeft: 30,
});

const upload = (name: string) => ({
  name,
  mimeType: "text/plain",
  buffer: Buffer.from("High water is at noon."),
});

const run = (page: Page, name: string) => page.locator(".run", { hasText: name });
const status = (page: Page, name: string, text: RegExp) =>
  run(page, name).locator(".run-status", { hasText: text }).waitFor(WAIT);

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

test("of many open trainings only the one that runs is streamed; all can be stopped", async (t) => {
  const jobs = new FakeJobs();
  const names = Array.from({ length: 8 }, (_, index) => `prompt-${index}`);
  const ids = names.map((name, index) =>
    jobs.add(training(name), index > 0 ? "waiting" : "running"),
  );
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/training`);
  await until("the stream of the one that runs", () => jobs.streams > 0);
  await run(page, "prompt-7").getByText("Stop").click();
  await status(page, "prompt-7", /^Stopped/);
  assert.equal((await jobs.get(ids[7]!)).state, "stopped");
  assert.equal(jobs.streams, 1);

  jobs.tell(ids[0]!, step(1));
  await status(page, "prompt-0", /^Step 1 of 9/);
  jobs.change(ids[0]!, { state: "done" });
  await status(page, "prompt-0", /^Done/);
  jobs.change(ids[1]!, { state: "running" });
  jobs.tell(ids[1]!, step(2));
  await status(page, "prompt-1", /^Step 2 of 9/);
  assert.equal(jobs.streams, 1);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a training tells of pairs that it leaves out, and that it began anew", async (t) => {
  const jobs = new FakeJobs();
  const id = jobs.add(training("mine"), "running");
  jobs.tell(id, { event: "skipped", count: 4, first: [{ id: "article" }, { id: "essay" }] });
  jobs.tell(id, { event: "anew", prompt: "mine", problem: "It is damaged." });
  const { url } = await servePage(t, { jobs });
  const { page } = await openPage(browser, `${url}/#/training`);
  await status(
    page,
    "mine",
    /4 of the .* too long .*: "article", "essay" and others\. It is damaged\./,
  );
  await page.context().close();
});

test("a training is followed on through a restart of the server", async (t) => {
  const jobs = new FakeJobs();
  const id = jobs.add(training("mine"), "running");
  jobs.tell(id, step(1));
  const served = await servePage(t, { jobs });
  const { page } = await openPage(browser, `${served.url}/#/training`);
  await status(page, "mine", /^Step 1 of 9/);
  const becomeReady = served.restart();
  await status(page, "mine", /cannot be reached just now/);
  jobs.change(id, { state: "waiting" });
  becomeReady();
  await status(page, "mine", /^Waiting/);
  jobs.change(id, { state: "running" });
  jobs.tell(id, step(2));
  await status(page, "mine", /^Step 2 of 9/);
  jobs.change(id, { state: "done" });
  await status(page, "mine", /^Done/);
  await page.context().close();
});

test("uploads are followed on through a restart of the server", async (t) => {
  const jobs = new FakeJobs();
  const id = jobs.add(ingest("a.md", "b.md"), "running");
  jobs.tell(id, { event: "loading" });
  const served = await servePage(t, { jobs });
  const { page } = await openPage(browser, `${served.url}/#/documents`);
  const row = (text: string) => page.locator(".uploads li", { hasText: "b.md" }).getByText(text);
  await row("reading").waitFor(WAIT);
  const becomeReady = served.restart();
  await row("cannot be reached").waitFor(WAIT);
  becomeReady();
  await row("reading").waitFor(WAIT);
  jobs.change(id, { state: "done", result: { documents: { failed: [] } } });
  await row("ready").waitFor(WAIT);
  await page.context().close();
});

test("uploads whose reading cannot be asked for say why, and can be sent again", async (t) => {
  const jobs = new FakeJobs();
  const served = await servePage(t, { jobs });
  let isLoading = true;
  served.intercept = (request, response) => {
    if (!isLoading || request.method !== "POST" || request.url !== "/api/jobs") return false;
    response.writeHead(503, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "the models are being loaded." } }));
    return true;
  };
  const { page } = await openPage(browser, `${served.url}/#/documents`);
  await page.setInputFiles("#files", [upload("a.md"), upload("b.md")]);
  const refused = page.locator(".uploads .refused", { hasText: "the models are being loaded." });
  await refused.nth(1).waitFor(WAIT);
  isLoading = false;
  await page.setInputFiles("#files", [upload("a.md"), upload("b.md")]);
  await until("the job", () => jobs.created.length === 1);
  await page
    .locator(".uploads li", { hasText: "b.md" })
    .getByText("waiting to be read")
    .waitFor(WAIT);
  assert.equal(await page.locator(".uploads .refused").count(), 0);
  assert.equal(await page.locator(".uploads li").count(), 2);
  await page.context().close();
});

test("uploads stay in sight when the view is left and come back to", async (t) => {
  const jobs = new FakeJobs();
  let open = () => {};
  jobs.gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  await page.setInputFiles("#files", upload("a.md"));
  await until("the request for a job", () => jobs.created.length === 1);
  await page.click(".tabs >> text=Ask");
  await page.waitForSelector("#question");
  await page.click(".tabs >> text=Documents");
  await page.waitForSelector(".listing");
  await page
    .locator(".uploads li", { hasText: "a.md" })
    .getByText("waiting to be read")
    .waitFor(WAIT);
  open();
  await until("the job", async () => (await jobs.list()).length === 1);
  const [job] = await jobs.list();
  jobs.change(job!.id, { state: "done", result: { documents: { failed: [] } } });
  await page.locator(".uploads .ready", { hasText: "a.md" }).waitFor(WAIT);
  assert.equal(await page.locator(".uploads li").count(), 1);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a stream that ends before the job does is opened again", async (t) => {
  const jobs = new FakeJobs();
  const id = jobs.add(training("mine"), "running");
  const served = await servePage(t, { jobs });
  let cut = 0;
  served.intercept = (request, response) => {
    if (!request.url?.endsWith("/events") || cut > 0) return false;
    cut += 1;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`data: ${JSON.stringify(step(1))}\n\n`);
    return true;
  };
  const { page, wrongs } = await openPage(browser, `${served.url}/#/training`);
  await until("the second stream", () => jobs.streams === 1);
  assert.equal(cut, 1);
  jobs.tell(id, step(2));
  await status(page, "mine", /^Step 2 of 9/);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a training that is gone on with is followed again", async (t) => {
  const jobs = new FakeJobs();
  const id = jobs.add(training("mine"), "running");
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/training`);
  await run(page, "mine").getByText("Stop").click();
  await run(page, "mine").getByText("Go on").click();
  await status(page, "mine", /^Waiting/);
  jobs.change(id, { state: "running" });
  jobs.tell(id, step(3));
  await status(page, "mine", /^Step 3 of 9/);
  assert.equal(jobs.streams, 1);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("the button of a training stays the same while steps come", async (t) => {
  const jobs = new FakeJobs();
  const id = jobs.add(training("mine"), "running");
  const { url } = await servePage(t, { jobs });
  const { page } = await openPage(browser, `${url}/#/training`);
  await run(page, "mine").getByText("Stop").focus();
  jobs.tell(id, step(1));
  await status(page, "mine", /^Step 1 of 9/);
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Stop");
  await page.context().close();
});

test("the keyboard goes on with the button that follows a training's Stop and Go on", async (t) => {
  const jobs = new FakeJobs();
  jobs.add(training("mine"), "running");
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/training`);
  await run(page, "mine").getByText("Stop").focus();
  await page.keyboard.press("Enter");
  await page.locator(".run button:focus", { hasText: "Go on" }).waitFor(WAIT);
  await page.keyboard.press("Enter");
  await page.locator(".run button:focus", { hasText: "Stop" }).waitFor(WAIT);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("a double click on Start training starts one", async (t) => {
  const jobs = new FakeJobs();
  let open = () => {};
  jobs.gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/training`);
  await page.selectOption("#qa-file", "questions.jsonl");
  await page.dblclick("text=Start training");
  const start = page.locator("button", { hasText: "Start training" });
  await start.and(page.locator("[aria-disabled=true]:focus")).waitFor(WAIT);
  open();
  await status(page, "mine", /^Waiting/);
  await start.and(page.locator(":not([aria-disabled])")).waitFor(WAIT);
  assert.equal(jobs.created.length, 1);
  assert.equal(await page.locator(".run").count(), 1);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("stopped uploads can be gone on with, unless they were uploaded again", async (t) => {
  const jobs = new FakeJobs();
  jobs.add(ingest("again.md"), "stopped");
  const id = jobs.add(ingest("a.md", "b.md"), "stopped");
  jobs.add(ingest("again.md"), "done");
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  await page.locator(".uploads .stopped").waitFor(WAIT);
  assert.deepEqual(await page.locator(".uploads .upload-name").allTextContents(), [
    "a.md and 1 other",
  ]);
  await page.setViewportSize({ width: 375, height: 700 });
  const { height } = (await page.locator(".uploads .stopped").boundingBox())!;
  assert.ok(height < 70, `on a phone the line is ${height} high`);
  await page.click("text=Go on");
  await page.locator(".uploads li", { hasText: "b.md" }).getByText("waiting").waitFor(WAIT);
  assert.equal(await page.locator(".uploads .stopped").count(), 0);
  jobs.change(id, { state: "done", result: { documents: { failed: [] } } });
  await page.locator(".uploads .ready", { hasText: "b.md" }).waitFor(WAIT);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("all files of stopped uploads are counted, of which a list of jobs names the first", async (t) => {
  const jobs = new FakeJobs();
  const names = Array.from({ length: 150 }, (_, index) => `${index}.md`);
  jobs.add(ingest(...names), "stopped");
  const { url } = await servePage(t, { jobs });
  const { page } = await openPage(browser, `${url}/#/documents`);
  const line = page.locator(".uploads .stopped .upload-name");
  await line.waitFor(WAIT);
  assert.equal(await line.textContent(), "0.md and 149 others");
  await page.context().close();
});

test("the keyboard goes on with the next stopped uploads, then with the list", async (t) => {
  const jobs = new FakeJobs();
  for (const name of ["a.md", "b.md"]) jobs.add(ingest(name), "stopped");
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  const lines = page.locator(".uploads .stopped");
  await lines.nth(1).waitFor(WAIT);
  await lines.first().getByText("Go on").focus();
  await page.keyboard.press("Enter");
  await page.locator(".uploads .stopped button:focus").waitFor(WAIT);
  await page.keyboard.press("Enter");
  await page.locator(".uploads:focus").waitFor(WAIT);
  assert.equal(await lines.count(), 0);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});

test("after a reload one still sees which files were refused, unless long ago or uploaded again", async (t) => {
  const jobs = new FakeJobs();
  const end = (id: string, hoursAgo: number, ...refused: string[]) =>
    jobs.change(id, {
      endedAt: new Date(Date.now() - hoursAgo * 3_600_000).toISOString(),
      result: {
        documents: {
          failed: refused.map((name) => ({ source: `upload:${name}`, reason: "holds no text." })),
        },
      },
    });
  end(jobs.add(ingest("old.md"), "done"), 30, "old.md");
  end(jobs.add(ingest("empty.md", "good.md", "again.md"), "done"), 2, "empty.md", "again.md");
  end(jobs.add(ingest("again.md"), "done"), 1);
  jobs.change(jobs.add(ingest("lost.md"), "failed"), {
    endedAt: new Date().toISOString(),
    error: "the disk is full.",
  });
  const { url } = await servePage(t, { jobs });
  const { page, wrongs } = await openPage(browser, `${url}/#/documents`);
  const refused = page.locator(".uploads .refused");
  await refused.nth(1).waitFor(WAIT);
  const texts = await refused.allInnerTexts();
  assert.deepEqual(
    texts.map((text) => text.replace(/\s+/g, " ").trim()),
    ["lost.md the disk is full.", "empty.md holds no text."],
  );
  assert.equal(await page.locator(".uploads li").count(), 2);
  assert.deepEqual(wrongs, []);
  await page.context().close();
});
