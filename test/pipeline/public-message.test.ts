import assert from "node:assert/strict";
import { test } from "node:test";
import { RagError } from "../../core/index.ts";
import { publicMessage } from "../../pipeline/server/public-message.ts";

for (const [told, thrown] of [
  ["corpus.db: is damaged", new RagError("store/invalid", "/home/me/notes/corpus.db: is damaged")],
  ["corpus.db: is damaged", new RagError("store/invalid", "C:\\Users\\me\\corpus.db: is damaged")],
  ['cannot read "a.bin"', new RagError("file/unreadable", 'cannot read "/var/lib/a.bin"')],
  ["ENOENT, open 'x.json'", new Error("ENOENT, open '/root/.cache/x.json'")],
  ["see http://127.0.0.1/a/b", new RagError("internal", "see http://127.0.0.1/a/b")],
  ["see GET /api/documents", new RagError("request/not-found", "see GET /api/documents")],
] as const) {
  test(`a failure is told without folders: ${told}`, () => {
    assert.equal(publicMessage(thrown), told);
  });
}
