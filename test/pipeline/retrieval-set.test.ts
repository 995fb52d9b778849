import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readRetrievalSet } from "../../pipeline/evaluation/retrieval-set.ts";

async function folderOf(t: TestContext, files: Readonly<Record<string, string | Buffer>>) {
  const folder = await mkdtemp(join(tmpdir(), "foreword-retrieval-set-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const jsonl = (...values: readonly object[]) =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

test("BEIR's form: queries beside qrels/SPLIT.tsv; unjudged queries and grades of 0 are left out", async (t) => {
  const folder = await folderOf(t, {
    "queries.jsonl": jsonl(
      { _id: "1", text: "one" },
      { _id: 2, text: "two" },
      { _id: "3", text: "x" },
    ),
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\n1\ta\t1\n1\tb\t2\n1\tc\t0\n2\ta\t1\n",
    "qrels/dev.tsv": "query-id\tcorpus-id\tscore\n3\tz\t1\n",
  });
  const { split, queries } = await readRetrievalSet(folder, undefined);
  assert.equal(split, "test");
  assert.deepEqual(queries, [
    {
      id: "1",
      text: "one",
      relevant: new Map([
        ["a", 1],
        ["b", 2],
      ]),
    },
    { id: "2", text: "two", relevant: new Map([["a", 1]]) },
  ]);
  const dev = await readRetrievalSet(folder, "dev");
  assert.deepEqual(
    dev.queries.map(({ id }) => id),
    ["3"],
  );
});

test("parts in files of their own, zipped, and trec's four columns", async (t) => {
  const folder = await folderOf(t, {
    "queries-half.jsonl.gz": gzipSync(jsonl({ id: "q", text: "one" })),
    "qrels-half.jsonl.gz": gzipSync(jsonl({ queryId: "q", docId: "d", score: 1 })),
  });
  const { split, queries } = await readRetrievalSet(folder, undefined);
  assert.deepEqual([split, queries[0]?.relevant.get("d")], ["half", 1]);
  const trec = await folderOf(t, {
    "queries.jsonl": jsonl({ _id: "q", text: "one" }),
    "qrels/test.tsv": "q\t0\td\t1\n",
  });
  assert.equal((await readRetrievalSet(trec, "test")).queries[0]?.relevant.get("d"), 1);
});

const refused: readonly (readonly [
  what: string,
  files: Readonly<Record<string, string>>,
  code: string,
  message: RegExp,
])[] = [
  ["a folder without judgements", { "a.txt": "x" }, "file/not-found", /found no qrels/],
  [
    "several parts, none of them test",
    {
      "queries.jsonl": jsonl({ _id: "q", text: "one" }),
      "qrels/train.tsv": "q\td\t1\n",
      "qrels/dev.tsv": "q\td\t1\n",
    },
    "config/invalid",
    /has (train, dev|dev, train); name one/,
  ],
  [
    "judgements of other queries",
    { "queries.jsonl": jsonl({ _id: "q", text: "one" }), "qrels/test.tsv": "p\td\t1\n" },
    "file/invalid",
    /judges none of the queries/,
  ],
  [
    "a query without a text",
    { "queries.jsonl": jsonl({ _id: "q" }), "qrels/test.tsv": "q\td\t1\n" },
    "file/invalid",
    /queries\.jsonl line 1: expected \{"_id", "text"\}/,
  ],
  [
    "a judgement with a missing column",
    { "queries.jsonl": jsonl({ _id: "q", text: "one" }), "qrels/test.tsv": "h\th\th\nq\t1\n" },
    "file/invalid",
    /test\.tsv line 2: expected a query id/,
  ],
];
for (const [what, files, code, message] of refused) {
  test(`${what}: refused by name`, async (t) => {
    await assert.rejects(readRetrievalSet(await folderOf(t, files), undefined), { code, message });
  });
}
