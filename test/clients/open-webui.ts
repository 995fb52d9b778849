/**
 * Open WebUI in front of a running server: its own interface for programs, then its page in Chromium, where it also asks for titles, tags and
 * follow-ups behind the user's back. It starts offline with everything at its defaults.
 *
 *     foreword ingest demo/documents && foreword serve --port 8377 &
 *     python3 -m venv open-webui && open-webui/bin/pip install open-webui
 *     node --import tsx test/clients/open-webui.ts open-webui/bin/open-webui http://127.0.0.1:8377 [KEY]
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBrowser } from "../page/browser.ts";

const QUESTION = "Who designed the Sill bridge?";
/** Ours; and, after the one on the page, those for a title, tags and follow-ups. */
const [OWN_QUESTIONS, QUESTIONS_BEHIND] = [3, 3];
const STARTS_WITHIN_MS = 300_000;
const ANSWERS_WITHIN_MS = 120_000;

interface Message {
  readonly content: string;
  readonly annotations?: readonly { readonly url_citation: { readonly title: string } }[];
}

interface Chunk {
  readonly choices: readonly { readonly delta: Partial<Message> }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

let checks = 0;
const check = (isTrue: boolean, what: unknown): void => {
  assert.ok(isTrue, JSON.stringify(what));
  checks++;
};

interface Foreword {
  readonly url: string;
  readonly key: string;
}

/** Open WebUI's address and the key that its interface wants. */
interface Client {
  readonly url: string;
  readonly token: string;
}

async function main([program, address, key = "unused"]: readonly string[]): Promise<void> {
  if (!program || !address) throw new Error("usage: open-webui.ts PROGRAM FOREWORD_URL [KEY]");
  const foreword = { url: address, key };
  const data = await mkdtemp(join(tmpdir(), "foreword-open-webui-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const environment = {
    DATA_DIR: data,
    OFFLINE_MODE: "true",
    HF_HUB_OFFLINE: "1",
    WEBUI_AUTH: "False",
    WEBUI_SECRET_KEY: randomUUID(),
    ENABLE_OLLAMA_API: "False",
    OPENAI_API_BASE_URL: `${address}/v1`,
    OPENAI_API_KEY: key,
    // Its own document search is not used, and would fetch a model.
    RAG_EMBEDDING_ENGINE: "openai",
  };
  const child = spawn(program, ["serve", "--host", "127.0.0.1", "--port", String(port)], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await untilHealthy(url, child);
    const before = await requestCounts(foreword);
    const client = { url, token: await signIn(url) };
    await checkModels(client);
    await checkWholeAnswer(client);
    await checkStream(client);
    await checkPage(url);
    await checkRequests(foreword, before);
    const { version } = await call<{ version: string }>(client, "/api/version");
    process.stdout.write(`Open WebUI ${version}: ${checks} checks passed\n`);
  } finally {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
    await rm(data, { recursive: true, force: true });
  }
}

async function checkModels(client: Client): Promise<void> {
  const { data } = await call<{ data: readonly { id: string }[] }>(client, "/api/models");
  const ids = data.map(({ id }) => id);
  for (const id of ["foreword", "foreword@none", "base"]) check(ids.includes(id), ids);
}

async function checkWholeAnswer(client: Client): Promise<void> {
  const whole = {
    model: "foreword@none",
    stream: false,
    messages: [{ role: "user", content: QUESTION }],
  };
  const { choices } = await call<{ choices: readonly { message: Message }[] }>(
    client,
    "/api/chat/completions",
    whole,
  );
  const message = choices[0]?.message;
  check(/Hurst/.test(message?.content ?? ""), message);
  check((message?.annotations?.length ?? 0) > 0, message);
}

async function checkStream(client: Client): Promise<void> {
  const response = await send(client, "/api/chat/completions", {
    model: "foreword@none",
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      { role: "system", content: "Answer in one sentence." },
      { role: "user", content: QUESTION },
    ],
  });
  const events = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  check(events.at(-1) === "data: [DONE]", events.at(-1));
  const chunks = events.slice(0, -1).map((line) => JSON.parse(line.slice(6)) as Chunk);
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  check(/Hurst/.test(deltas.map(({ content }) => content ?? "").join("")), deltas);
  check(deltas.filter(({ content }) => content).length > 3, "the answer came in pieces");
  check(
    deltas.some(({ annotations }) => (annotations?.length ?? 0) > 0),
    deltas.at(-1),
  );
  check((chunks.at(-1)?.usage?.completion_tokens ?? 0) > 0, chunks.at(-1));
}

/** Asks as a person does, and opens the source of the answer. */
async function checkPage(url: string): Promise<void> {
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
    await page.goto(`${url}/?models=foreword%40none`);
    await page.getByText("Okay, Let's Go!").click();
    await page.locator("#chat-input").click();
    await page.keyboard.type(QUESTION);
    await page.keyboard.press("Enter");
    await page.getByText(/Hurst/).first().waitFor({ timeout: ANSWERS_WITHIN_MS });
    const sources = page.getByText(/^\s*\d+ Sources?\s*$/);
    await sources.waitFor({ timeout: ANSWERS_WITHIN_MS });
    await sources.click();
    await page
      .getByText(/Sill Bridge/i)
      .last()
      .waitFor();
    checks += 3;
  } finally {
    await browser.close();
  }
}

/** The page's question has led to requests for a title, tags and follow-ups, and nothing that was sent was refused. */
async function checkRequests(
  foreword: Foreword,
  before: { readonly answered: number; readonly refused: number },
): Promise<void> {
  const expected = before.answered + OWN_QUESTIONS + QUESTIONS_BEHIND;
  const deadline = performance.now() + ANSWERS_WITHIN_MS;
  let now = await requestCounts(foreword);
  while (now.answered < expected && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    now = await requestCounts(foreword);
  }
  check(now.answered >= expected, { before, now });
  check(now.refused === before.refused, { before, now });
}

async function signIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/auths/signin`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "", password: "" }),
  });
  return ((await response.json()) as { token: string }).token;
}

const call = async <Answer>(client: Client, path: string, body?: object): Promise<Answer> =>
  (await (await send(client, path, body)).json()) as Answer;

async function send({ url, token }: Client, path: string, body?: object): Promise<Response> {
  const response = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
  check(response.ok, `${path}: ${response.status}`);
  return response;
}

/** Requests for answers that Foreword has answered so far, and of all those it refused. */
async function requestCounts({ url, key }: Foreword) {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const lines = (await response.text())
    .split("\n")
    .filter((line) => line.startsWith("foreword_requests_total{"));
  const sum = (pattern: RegExp) =>
    lines
      .filter((line) => pattern.test(line))
      .reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
  return { answered: sum(/chat.*status="200"/), refused: sum(/status="[45]/) };
}

async function untilHealthy(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + STARTS_WITHIN_MS;
  while (child.exitCode === null && performance.now() < deadline) {
    const response = await fetch(`${url}/health`).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`Open WebUI did not start (exit code ${child.exitCode})`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

await main(process.argv.slice(2));
