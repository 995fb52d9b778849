import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { createMcpServer } from "../../pipeline/mcp/mcp-server.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { ENTRY, foreword } from "./foreword.ts";
import { until } from "./until.ts";

/** The text of a tool's reply. */
const textOf = (reply: unknown): string =>
  (reply as { content: { text: string }[] }).content.map(({ text }) => text).join("");

test("a client finds the tools, and asks", async () => {
  const answerer = new FakeAnswerer();
  const server = createMcpServer({ answerer, search: async () => [] });
  const client = new Client({ name: "test", version: "1" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(ours), client.connect(theirs)]);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), ["ask", "search"]);
  const answered = await client.callTool({ name: "ask", arguments: { question: "When?" } });
  assert.match(textOf(answered), /^at noon\n\nSources:\n- tides\.md "Tides" \(page 2/);
  const nothing = await client.callTool({ name: "search", arguments: { query: "x" } });
  assert.equal(textOf(nothing), "Nothing was found.");
  const unknown = await client.callTool({
    name: "ask",
    arguments: { question: "When?", prompt: "nowhere" },
  });
  assert.equal(unknown.isError, true);
  assert.match(textOf(unknown), /there is no "foreword@nowhere"/);
  await client.close();
});

test("foreword mcp loads the models when a client comes, before it asks", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-mcp-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeTinyModel(folder);
  const cache = join(folder, "cache");
  const places = ["--store", join(folder, "store"), "--cache", cache, "--model", folder];
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ["--import", import.meta.resolve("tsx"), ENTRY, "mcp", "--threads", "1", ...places],
    stderr: "ignore",
  });
  const client = new Client({ name: "test", version: "1" });
  try {
    await client.connect(transport);
    await until("the engine's files", () => existsSync(join(cache, "engine")));
    const failed = await client.callTool({ name: "search", arguments: { query: "When?" } });
    assert.match(textOf(failed), /^store: there are no documents here/);
  } finally {
    await client.close();
  }
});

test("foreword mcp searches a store over stdio, and ends with its client", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-mcp-"));
  try {
    await writeFile(join(folder, "tides.md"), "# Tides\n\nHigh water at Orrin is at noon.\n");
    const cache = defaultCacheFolder(process.env, process.platform, homedir());
    const flags = ["--store", join(folder, "store"), "--cache", cache];
    const model = join(folder, "model");
    await mkdir(model);
    await writeTinyModel(model);
    await writeFile(join(folder, "moon.md"), "# Moon\n\nThe moon pulls at the sea.\n");
    assert.equal(
      (await foreword(["ingest", "tides.md", "moon.md", ...flags], { cwd: folder })).code,
      0,
    );
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [
        "--import",
        import.meta.resolve("tsx"),
        ENTRY,
        "mcp",
        "--k",
        "1",
        "--model",
        model,
        ...flags,
      ],
      stderr: "ignore",
    });
    const client = new Client({ name: "test", version: "1" });
    t.after(() => client.close());
    await client.connect(transport);
    const found = await client.callTool({
      name: "search",
      arguments: { query: "When is high water?" },
    });
    assert.match(textOf(found), /^\[1\] tides\.md .*\n.*High water at Orrin is at noon\./s);
    assert.doesNotMatch(textOf(found), /^\[2\]/m);
    const both = await client.callTool({
      name: "search",
      arguments: { query: "When is high water?", k: 2 },
    });
    assert.match(textOf(both), /^\[2\] moon\.md /m);
    await client.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
