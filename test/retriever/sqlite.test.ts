import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSqlite, sqlitePackage } from "../../retriever/corpus/sqlite.ts";

test("each Node gets the SQLite binding that runs on it", () => {
  assert.equal(sqlitePackage("20.20.2"), "better-sqlite3");
  assert.equal(sqlitePackage("22.13.1"), "better-sqlite3");
  assert.equal(sqlitePackage("22.14.0"), "better-sqlite3-napi");
  assert.equal(sqlitePackage("24.21.0"), "better-sqlite3-napi");
});

test("the binding of this Node keeps and finds rows, with full-text search", () => {
  const database = new (loadSqlite())(":memory:");
  database.exec("CREATE VIRTUAL TABLE texts USING fts5(text)");
  database.prepare("INSERT INTO texts VALUES (?)").run("a ferry and a lighthouse");
  const found = database.prepare("SELECT text FROM texts WHERE texts MATCH ?").all("lighthouse");
  database.close();
  assert.deepEqual(found, [{ text: "a ferry and a lighthouse" }]);
});
