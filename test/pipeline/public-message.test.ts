import assert from "node:assert/strict";
import { test } from "node:test";
import { RagError } from "../../core/index.ts";
import { publicMessage } from "../../pipeline/server/public-message.ts";

for (const [told, thrown] of [
  ["corpus.db: is damaged", new RagError("store/invalid", "/home/me/notes/corpus.db: is damaged")],
  ["corpus.db: is damaged", new RagError("store/invalid", "C:\\Users\\me\\corpus.db: is damaged")],
  ['cannot read "a.bin"', new RagError("file/unreadable", 'cannot read "/var/lib/a.bin"')],
  ["ENOENT, open 'x.json'", new Error("ENOENT, open '/home/anna/.cache/x.json'")],
  ["ENOSPC, open 'x.txt'", new Error("ENOSPC, open '/home/anna/My Documents/store/x.txt'")],
  ["open 'x.txt'", new Error("open '/home/o'brien/My Documents/x.txt'")],
  ["open 'x y'", new Error("open 'C:\\Users\\Anna B\\x y'")],
  ["rename 'a' -> 'b c'", new Error("rename '/my tmp/a' -> '/my store/b c'")],
  ["x.db: is damaged", new RagError("store/invalid", "/home/anna/My Documents/x.db: is damaged")],
  ["x.js: from y.js", new Error("file:///home/me/x.js: from file:///C:/Users/me/y.js")],
  ["open '/'", new Error("open '/'")],
  ["see http://127.0.0.1/a/b", new RagError("internal", "see http://127.0.0.1/a/b")],
  ["see GET /api/documents", new RagError("request/not-found", "see GET /api/documents")],
] as const) {
  test(`a failure is told without folders: ${told}`, () => {
    assert.equal(publicMessage(thrown), told);
  });
}
