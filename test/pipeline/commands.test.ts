import assert from "node:assert/strict";
import { once } from "node:events";
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { defaultModel } from "../default-model.ts";
import { foreword, startForeword } from "./foreword.ts";

const documents = join(import.meta.dirname, "..", "..", "demo", "documents");
const names = ["cobb-lighthouse.html", "port-ansel.md", "caddow-railway.pdf", "census-2016.docx"];
const lamp = "Who served as keeper of Cobb Lighthouse from 1858 to 1897?";

/** Every command over one small store, with the real models. Tests build on each other in the order a user works. */
describe("the command line on real documents", () => {
  let folder: string;
  let store: string;
  const cache = defaultCacheFolder(process.env, process.platform, homedir());
  const run = (...commandArguments: string[]) =>
    foreword([...commandArguments, "--store", store, "--cache", cache], { cwd: folder });
  const json = async (...commandArguments: string[]) => {
    const { code, stdout, stderr } = await run(...commandArguments, "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  before(async () => {
    await defaultModel("smollm2-135m-instruct");
    await defaultModel("all-minilm-l6-v2");
    folder = await mkdtemp(join(tmpdir(), "foreword-commands-"));
    store = join(folder, "store");
    await mkdir(join(folder, "docs"));
    for (const name of names) await copyFile(join(documents, name), join(folder, "docs", name));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("before anything is ingested, commands say so and what to do", async () => {
    for (const command of [
      ["ask", "Why?"],
      ["search", "why"],
      ["verify"],
      ["eval", "none.jsonl"],
    ]) {
      const { code, stdout, stderr } = await run(...command);
      assert.equal(code, 1, command[0]);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^foreword: .*(run "foreword ingest|there is no such file|cannot be found|not found)/m,
      );
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });

  test("ingest: counts as JSON; a refused file is named and makes the exit code 3", async () => {
    const first = await json("ingest", "docs");
    assert.deepEqual(first.documents, {
      added: 4,
      updated: 0,
      unchanged: 0,
      removed: 0,
      failed: [],
    });
    assert.ok(first.chunks >= 16 && first.seconds > 0);
    await writeFile(join(folder, "docs", "broken.pdf"), "%PDF-1.4\nno more");
    const { code, stdout } = await run("ingest", "docs", "--json");
    assert.equal(code, 3);
    const { documents: second } = JSON.parse(stdout);
    assert.equal(second.unchanged, 4);
    assert.equal(second.failed[0].source, "docs/broken.pdf");
    assert.match(second.failed[0].reason, /is no readable PDF/);
    await rm(join(folder, "docs", "broken.pdf"));
    assert.equal((await run("ingest", "docs/none.md")).code, 1);
  });

  test("search: passages with their place, for every mode and with a filter", async () => {
    for (const mode of ["hybrid", "dense", "keyword"]) {
      const { results, timings } = await json(
        "search",
        "gauge of the Caddow Railway",
        "--mode",
        mode,
        "--k",
        "2",
      );
      assert.equal(results.length, 2);
      const [best] = results;
      assert.equal(best.source, "docs/caddow-railway.pdf");
      assert.equal(best.page, 1);
      assert.ok(best.end > best.start && best.text.length === best.end - best.start);
      assert.ok(timings.totalMs > 0);
    }
    const filtered = await json("search", "railway", "--filter", "format=docx");
    assert.ok(
      filtered.results.every((one: { source: string }) => one.source === "docs/census-2016.docx"),
    );
  });

  test("search: reranked by the question's likelihood, or by a cross-encoder of a folder", async () => {
    const query = ["search", "gauge of the Caddow Railway", "--k", "2", "--rerank-depth", "4"];
    const byGenerator = await json(...query, "--rerank", "likelihood");
    const encoder = join(import.meta.dirname, "..", "fixtures", "tiny-bert");
    const byEncoder = await json(...query, "--rerank", "cross-encoder", "--reranker", encoder);
    for (const { results, timings } of [byGenerator, byEncoder]) {
      assert.equal(results.length, 2);
      assert.ok(results.every(({ rerankScore }: { rerankScore: number }) => rerankScore < 10));
      assert.ok(results[0].score >= results[1].score && timings.rerankMs > 0);
    }
    assert.equal(byGenerator.results[0].source, "docs/caddow-railway.pdf");
    assert.ok(byGenerator.results[0].rerankScore < 0);
  });

  test("search: a reranker that cannot be is refused before anything is searched", async () => {
    const refused = async (expected: RegExp, ...flags: string[]) => {
      const { code, stderr } = await run("search", "railway", ...flags);
      assert.notEqual(code, 0);
      assert.match(stderr, expected);
    };
    await refused(/--rerank: .*"best"/, "--rerank", "best");
    await refused(/expected its model in --reranker/, "--rerank", "cross-encoder");
    await refused(/--rerank-depth: .*"1"/, "--rerank", "likelihood", "--rerank-depth", "1");
    const generator = ["--rerank", "cross-encoder", "--reranker", "all-minilm-l6-v2"];
    await refused(/expected a cross-encoder .*found BertModel/, ...generator);
  });

  test("ask: an answer with passages, citations, usage and timings", async () => {
    const found = await json("ask", lamp);
    assert.equal(typeof found.answer, "string");
    assert.equal(found.abstained, false);
    assert.equal(found.prompt, null);
    assert.ok(
      found.passages.length === 3 && found.passages.every((one: { used: boolean }) => one.used),
    );
    assert.ok(found.usage.promptTokens > 100 && found.usage.completionTokens > 0);
    const bare = await json("ask", "What is the capital of France?", "--no-retrieval");
    assert.match(bare.answer, /Paris/);
    assert.deepEqual(bare.passages, []);
  });

  test("ask: passages that do not fit are left out and said to be; a question that does not fit is refused", async () => {
    const small = await json("ask", lamp, "--context-length", "400", "--max-tokens", "16");
    assert.ok(small.passages.some((one: { used: boolean }) => !one.used));
    const { code, stderr } = await run("ask", "why ".repeat(600), "--context-length", "400");
    assert.equal(code, 1);
    assert.match(stderr, /maximum context length is 400 tokens/);
  });

  test("tune: NDJSON events that end in done; bad lines are named", async () => {
    const good = (await readFile(join(documents, "..", "qa-train.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .filter((line) => names.some((name) => line.includes(`"${name}"`)));
    assert.ok(good.length >= 20, `${good.length}`);
    const bad = '{"id":"x","question":"Why?"}';
    await writeFile(join(folder, "qa.jsonl"), [...good.slice(0, 24), bad].join("\n"));
    const flags = ["--name", "tiny", "--epochs", "1", "--tokens", "4", "--batch", "6"];
    const { code, stdout, stderr } = await run("tune", "qa.jsonl", ...flags, "--json");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /qa\.jsonl: line \d+ is skipped/);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const done = events.at(-1);
    assert.equal(done.event, "done");
    assert.equal(done.prompt, "tiny");
    assert.equal(done.steps, events.filter(({ event }) => event === "step").length);
    for (const key of ["seconds", "trainLoss", "trainableParameters"])
      assert.ok(done[key] > 0, key);
    for (const key of ["em", "f1"]) assert.equal(typeof done.dev[key], "number");
  });

  test("the newest prompt is used by default, another by name, none by none", async () => {
    const { prompts } = await json("prompts", "ls");
    assert.deepEqual(
      prompts.map(({ name }: { name: string }) => name),
      ["tiny"],
    );
    assert.equal((await json("ask", lamp)).prompt, "tiny");
    assert.equal((await json("ask", lamp, "--prompt", "none")).prompt, null);
    const { code, stderr } = await run("ask", lamp, "--prompt", "other");
    assert.equal(code, 1);
    assert.match(stderr, /"other".*tiny/);
    assert.equal((await json("prompts", "show", "tiny")).virtualTokens, 4);
  });

  test("a learned prompt reads as many passages as it was trained with; --k says otherwise", async () => {
    const read = async (...flags: string[]) =>
      (await json("ask", lamp, ...flags)).passages.map(({ used }: { used: boolean }) => used);
    assert.deepEqual(await read(), [true, false, false]);
    assert.deepEqual(await read("--k", "2"), [true, true]);
    assert.deepEqual(await read("--prompt", "none"), [true, true, true]);
    const { stdout } = await run("ask", lamp);
    assert.match(stdout, /\nFound, not read:\n(?: .*\n){2}/);
  });

  test("eval of a BEIR folder: retrieval alone", async () => {
    const set = join(folder, "set");
    await mkdir(join(set, "qrels"), { recursive: true });
    const queries = [
      { _id: "q1", text: lamp },
      { _id: "q2", text: "How many people lived in Halmeray in 2016?" },
      { _id: "q3", text: "never judged" },
    ];
    await writeFile(
      join(set, "queries.jsonl"),
      queries.map((one) => JSON.stringify(one)).join("\n"),
    );
    const head = "query-id\tcorpus-id\tscore\n";
    const rows = "q1\tcobb-lighthouse.html\t1\nq2\tcensus-2016.docx\t2\nq2\tport-ansel.md\t0\n";
    await writeFile(join(set, "qrels", "test.tsv"), head + rows);
    const { n, split, retrieval } = await json("eval", "set");
    assert.deepEqual([n, split, retrieval.queries], [2, "test", 2]);
    assert.equal(retrieval.recall[3], 1);
    assert.ok(retrieval.ndcg10 > 0.6);
    const { stdout } = await run("eval", "set");
    assert.match(stdout, /2 queries \(test\)\nretrieval: recall@1 /);
  });

  test("eval: arms with intervals, retrieval measures, and a report that stands alone", async () => {
    const report = join(folder, "report.html");
    const result = await json(
      "eval",
      "qa.jsonl",
      "--limit",
      "4",
      "--arms",
      "no-retrieval,rag,hand,tiny",
      "--report",
      report,
    );
    assert.equal(result.n, 4);
    assert.deepEqual(Object.keys(result.arms), ["no-retrieval", "rag", "hand", "tiny"]);
    for (const arm of Object.values<Record<string, number[]>>(result.arms)) {
      assert.ok(arm["f1Interval"]![0]! <= arm["f1Interval"]![1]!);
      assert.ok(Number(arm["seconds"]) > 0);
    }
    assert.deepEqual(Object.keys(result.retrieval.recall), ["1", "3", "5", "10"]);
    const html = await readFile(report, "utf8");
    assert.match(html, /<h1>Evaluation on qa\.jsonl/);
    assert.doesNotMatch(html, /<script|https?:/);
  });

  test("serve: announces its address, answers the openai client with text and citations, ends on SIGTERM", async () => {
    const server = startForeword(["serve", "--port", "0", "--store", store, "--cache", cache], {
      cwd: folder,
    });
    const [line] = await once(server.stdout!.setEncoding("utf8"), "data");
    const { event, url } = JSON.parse(String(line).split("\n")[0]!);
    assert.equal(event, "listening");
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
    const models = await client.models.list();
    assert.deepEqual(models.data.map(({ id }) => id).sort(), [
      "base",
      "foreword",
      "foreword@none",
      "foreword@tiny",
    ]);
    const messages = [{ role: "user" as const, content: lamp }];
    const plain = await client.chat.completions.create({
      model: "foreword@none",
      messages,
      max_tokens: 24,
    });
    const text = plain.choices[0]?.message.content ?? "";
    assert.ok(text.length > 0);
    const stream = await client.chat.completions.create({
      model: "foreword@none",
      messages,
      max_tokens: 24,
      stream: true,
    });
    let streamed = "";
    for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? "";
    assert.equal(streamed, text);
    const { data } = await client.embeddings.create({
      model: "foreword",
      input: ["a lamp", "a lighthouse"],
    });
    assert.equal(data[1]?.embedding.length, 384);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    server.kill("SIGTERM");
    const [code] = await once(server, "close");
    assert.equal(code, 0);
  });

  test("a port in use is said in one sentence", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await run("serve", "--port", String(port));
    other.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^foreword: .*${port}.*in use`, "m"));
  });

  test("an address beyond this machine needs a key", async () => {
    const { code, stderr } = await run("serve", "--host", "0.0.0.0");
    assert.equal(code, 2);
    assert.match(stderr, /set FOREWORD_API_KEY/);
  });

  test("Ctrl-C ends training with 130 and one sentence, and leaves no half-written prompt", async () => {
    const flags = [
      "tune",
      "qa.jsonl",
      "--name",
      "cut",
      "--epochs",
      "50",
      "--tokens",
      "4",
      "--json",
    ];
    let isInterrupted = false;
    const { code, stderr } = await foreword([...flags, "--store", store, "--cache", cache], {
      cwd: folder,
      onOutput: (child, text) => {
        if (!isInterrupted && text.includes('"event":"step"')) isInterrupted = child.kill("SIGINT");
      },
    });
    assert.equal(code, 130);
    assert.match(stderr, /foreword: interrupted; nothing that was finished is lost\./);
    // What was read of the passages stays for a run that is resumed.
    assert.deepEqual(await readdir(join(store, "prompts")), ["tiny"]);
    const known = ["cut", ".cut.passages", ".running"];
    const left = await readdir(join(store, "training"));
    assert.deepEqual(
      left.filter((name) => !known.includes(name)),
      [],
    );
  });

  test("verify: finds a damaged prompt by name, which ask refuses too", async () => {
    assert.equal((await json("verify")).ok, true);
    const tensors = join(store, "prompts", "tiny", "deep_tokens.safetensors");
    await truncate(tensors, 1000);
    const { code, stdout } = await run("verify", "--json");
    assert.equal(code, 1);
    const damaged = JSON.parse(stdout).findings.filter(({ ok }: { ok: boolean }) => !ok);
    assert.equal(damaged.length, 1);
    assert.match(damaged[0].detail, /deep_tokens\.safetensors/);
    const asked = await run("ask", lamp, "--prompt", "tiny");
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /deep_tokens\.safetensors/);
  });

  test("a truncated model file is refused by name", async () => {
    const { weightsPath } = await defaultModel("smollm2-135m-instruct");
    const broken = join(folder, "broken.gguf");
    await copyFile(weightsPath, broken);
    await truncate(broken, 50_000_000);
    const { code, stderr } = await run("ask", lamp, "--model", broken);
    assert.equal(code, 1);
    assert.match(stderr, /^foreword: .*broken\.gguf/m);
  });

  const usage: readonly (readonly [
    what: string,
    args: readonly string[],
    code: number,
    message: RegExp,
  ])[] = [
    ["an unknown command", ["frobnicate"], 2, /unknown command 'frobnicate'/],
    ["an unknown flag", ["ask", "x", "--frob"], 2, /unknown option '--frob'/],
    ["a missing argument", ["ask"], 2, /missing required argument 'question'/],
    ["a wrong number", ["search", "x", "--k", "many"], 2, /--k: expected a whole number/],
    ["an unknown model", ["ask", "x", "--model", "gpt-99"], 2, /gpt-99/],
    ["an unknown method", ["tune", "qa.jsonl", "--method", "magic"], 2, /method/],
    ["a question file that is not there", ["tune", "none.jsonl"], 1, /none\.jsonl/],
  ];
  for (const [what, commandArguments, code, message] of usage) {
    test(`${what} is refused with exit code ${code}`, async () => {
      const result = await run(...commandArguments);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, "");
    });
  }

  test("models and doctor tell what is here", async () => {
    const { models } = await json("models", "ls");
    assert.ok(models.length >= 2);
    const { ok, findings } = await json("doctor");
    assert.equal(ok, true, JSON.stringify(findings));
  });

  test("every command's help shows an example", async () => {
    for (const command of [
      "ingest",
      "watch",
      "store",
      "reindex",
      "search",
      "tune",
      "ask",
      "serve",
      "eval",
      "models",
      "prompts",
      "verify",
      "doctor",
    ]) {
      const { code, stdout } = await foreword([command, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, /Example:\n\s+foreword /);
    }
  });
});
