import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { foreword, startForeword } from "../pipeline/foreword.ts";
import { answersComplete, openBrowser } from "./browser.ts";

/**
 * Draws docs/images anew: the page with the real models over the demo documents, a prompt trained on it included.
 * `node --import tsx test/page/screenshots.ts [--store FOLDER]`; a store that is kept has its prompt the next time.
 */
const ROOT = join(import.meta.dirname, "..", "..");
const IMAGES = join(ROOT, "docs", "images");
const PROMPT = "demo";
const TRAINING_MS = 1_200_000;

const DESKTOP: BrowserContextOptions = { viewport: { width: 1120, height: 720 } };
const LIGHT: BrowserContextOptions = { ...DESKTOP, colorScheme: "light" };
const DARK: BrowserContextOptions = { ...DESKTOP, colorScheme: "dark" };
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 1.5,
  colorScheme: "light",
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { store: { type: "string" } } });
  const folder = values.store ?? (await mkdtemp(join(tmpdir(), "foreword-screenshots-")));
  await mkdir(IMAGES, { recursive: true });
  const cache = defaultCacheFolder(process.env, process.platform, homedir());
  const flags = ["--store", folder, "--cache", cache, "--quiet"];
  await foreword(["ingest", join(ROOT, "demo", "documents"), ...flags]);
  const server = startForeword(["serve", "--port", "0", ...flags]);
  const browser = await openBrowser();
  try {
    const [line] = await once(server.stdout!.setEncoding("utf8"), "data");
    const { url } = JSON.parse(line as string) as { url: string };
    await drawTraining(browser, url);
    await drawChat(browser, url);
  } finally {
    await browser.close();
    server.kill("SIGTERM");
    await once(server, "exit");
    if (!values.store) await rm(folder, { recursive: true, force: true });
  }
}

/** The curves of a run, in its middle where it still runs, then what changed. */
async function drawTraining(browser: Browser, url: string): Promise<void> {
  const page = await open(browser, `${url}/#/training`, LIGHT);
  const { jobs } = (await (await fetch(`${url}/api/jobs`)).json()) as { jobs: object[] };
  if (jobs.length === 0) await startTraining(page);
  // The second score on held-out questions makes a line.
  await page.locator(".charts .dot").nth(2).waitFor({ timeout: TRAINING_MS });
  await scrollTo(page, ".run");
  await draw(page, "training");
  await page.locator(".comparison").waitFor({ timeout: TRAINING_MS });
  await scrollTo(page, ".comparison");
  await draw(page, "before-and-after");
  await page.goto(`${url}/#/prompts`);
  await page.locator(".card .facts").first().waitFor();
  await draw(page, "prompts");
  await page.context().close();
}

async function startTraining(page: Page): Promise<void> {
  const lines = (await readFile(join(ROOT, "demo", "qa-train.jsonl"), "utf8")).split("\n");
  const some = lines.filter((_, index) => index % 4 === 0).join("\n");
  const file = { name: "questions.jsonl", mimeType: "text/plain", buffer: Buffer.from(some) };
  await page.setInputFiles("#qa-upload", file);
  await page.locator('#qa-file option[value="questions.jsonl"]').waitFor({ state: "attached" });
  await page.selectOption("#qa-file", "questions.jsonl");
  await page.fill("[name=name]", PROMPT);
  await page.fill("[name=epochs]", "3");
  await page.fill("[name=testQuestions]", "12");
  await page.click("text=Start training");
}

async function drawChat(browser: Browser, url: string): Promise<void> {
  const light = await open(browser, url, LIGHT);
  await light.locator(".welcome").waitFor();
  await ask(light, "On which island is Egg Sunday held?");
  await light.click(".answer-sources summary");
  await draw(light, "chat-light");
  await light.click(".citation");
  await light.locator(".reader-text mark").waitFor();
  await draw(light, "reader");
  await light.goto(`${url}/#/documents`);
  await light.locator(".document-list tbody tr").first().waitFor();
  await draw(light, "documents");
  await light.context().close();

  const dark = await open(browser, url, DARK);
  await dark.locator(`#model option[value="foreword@none"]`).waitFor({ state: "attached" });
  await dark.selectOption("#model", "foreword@none");
  await dark.selectOption("#compare", `foreword@${PROMPT}`);
  await ask(dark, "Which street's houses were blown up to stop the Great Fire?");
  await draw(dark, "side-by-side-dark");
  await dark.context().close();

  const phone = await open(browser, url, PHONE);
  await ask(phone, "How tall is Cobb Lighthouse?");
  await draw(phone, "phone");
  await phone.context().close();
}

async function open(browser: Browser, url: string, look: BrowserContextOptions): Promise<Page> {
  const page = await (await browser.newContext({ ...look, reducedMotion: "reduce" })).newPage();
  await page.goto(url);
  return page;
}

/** Just below the page's bar, which stays on top. */
async function scrollTo(page: Page, selector: string): Promise<void> {
  await page
    .locator(selector)
    .first()
    .evaluate((element) => element.scrollIntoView());
  await page.evaluate("scrollBy(0, -80)");
}

async function ask(page: Page, question: string): Promise<void> {
  await page.fill("#question", question);
  await page.click(".composer .primary");
  await answersComplete(page);
}

async function draw(page: Page, name: string): Promise<void> {
  const path = join(IMAGES, `${name}.png`);
  await page.evaluate("document.fonts.ready");
  await page.screenshot({ path, animations: "disabled" });
  process.stderr.write(`${name}.png ${Math.round((await stat(path)).size / 1024)} kB\n`);
}

await main();
