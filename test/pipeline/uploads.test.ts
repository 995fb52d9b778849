import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { PageParts } from "../../pipeline/server/app.ts";
import { MAX_UPLOAD_BYTES } from "../../pipeline/uploads.ts";
import { FakeAnswerer } from "./fake-answerer.ts";
import { bodyOf, type ServedOptions, serveFor } from "./served.ts";

async function serveUploads(t: TestContext, options: ServedOptions = {}) {
  const store = await mkdtemp(join(tmpdir(), "foreword-uploads-"));
  t.after(() => rm(store, { recursive: true, force: true }));
  const page = { store, view: {}, jobs: {} } as unknown as PageParts;
  const { url } = await serveFor(t, new FakeAnswerer(), { ...options, page });
  const put = (name: string, body: string, type: string, headers: object = {}) =>
    fetch(`${url}/api/uploads/questions/${encodeURIComponent(name)}`, {
      method: "PUT",
      body,
      headers: { "content-type": type, ...headers },
    });
  const saved = (name: string) => readFile(join(store, "uploads/questions", name), "utf8");
  return { url, put, saved };
}

test("a file is kept byte for byte, also when it is sent as JSON", async (t) => {
  const { url, put, saved } = await serveUploads(t);
  const files = { "qa.json": '[{"question": "When?"}]', "qa.jsonl": '{"a":1}\n{"a":2}\n' };
  for (const [name, text] of Object.entries(files)) {
    for (const type of ["application/json", "application/octet-stream"]) {
      const response = await put(name, text, type);
      assert.equal(response.status, 201);
      assert.deepEqual(await response.json(), { name, bytes: text.length });
      assert.equal(await saved(name), text);
    }
  }
  const listed = (await (await fetch(`${url}/api/uploads/questions`)).json()) as object;
  assert.deepEqual(listed, {
    files: Object.entries(files).map(([name, text]) => ({ name, bytes: text.length })),
  });
});

test("a file that says it is too large is refused before any of it is sent", async (t) => {
  const { url } = await serveUploads(t);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding("utf8");
  t.after(() => socket.destroy());
  socket.write(
    `PUT /api/uploads/questions/qa.json HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: ${MAX_UPLOAD_BYTES + 1}\r\n\r\n`,
  );
  const [answer] = await once(socket, "data");
  assert.match(answer, /^HTTP\/1\.1 413 .*the file is larger than 200 MiB/s);
});

test("an upload needs the key", async (t) => {
  const { put, saved } = await serveUploads(t, { apiKey: "a-long-secret" });
  assert.equal((await put("qa.json", "[]", "application/json")).status, 401);
  await assert.rejects(saved("qa.json"), { code: "ENOENT" });
  const key = { authorization: "Bearer a-long-secret" };
  assert.equal((await put("qa.json", "[]", "application/json", key)).status, 201);
});

test("a name that is longer than a disk takes is refused with the reason", async (t) => {
  const { put } = await serveUploads(t);
  const response = await put(`${"漢".repeat(80)}.md`, "x", "text/plain");
  assert.equal(response.status, 400);
  const { error } = await bodyOf(response);
  assert.match(error.message, /name: expected at most 230 bytes in UTF-8/);
  assert.equal((await put(`${"漢".repeat(70)}.md`, "x", "text/plain")).status, 201);
});
