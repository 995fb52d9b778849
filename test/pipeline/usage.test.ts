import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { foreword } from "./foreword.ts";

/** What is refused before any model or store is needed: one sentence that names the flag, variable or key, and exit code 2. */
describe("wrong usage", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-usage-"));
    await writeFile(join(folder, "empty.json"), "{}");
    await mkdir(join(folder, "queries"));
    await writeFile(join(folder, "list.config.json"), "[1]");
    await writeFile(join(folder, "marked.config.json"), "\ufeff[1]");
    await writeFile(join(folder, "null.config.json"), "null");
    await writeFile(join(folder, "key.config.json"), '{"apiKey": 12345}');
    await writeFile(
      join(folder, "arm.json"),
      '{"name":"x","datasets":[{"name":"d","train":"a","test":"b"}],"arms":[{"kind":"tune","name":"t","settings":{"tokens":0}}]}',
    );
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const refused: readonly (readonly [line: readonly string[], message: string])[] = [
    [["tune", "qa.jsonl", "--tokens", "0"], "--tokens: expected at least 1, found 0; correct it."],
    [["tune", "qa.jsonl", "--limit", "0"], "--limit: expected at least 1, found 0; correct it."],
    [["tune", "qa.jsonl", "--seed", "-1"], "--seed: expected at least 0, found -1; correct it."],
    [
      ["tune", "qa.jsonl", "--max-answer-tokens", "0"],
      "--max-answer-tokens: expected at least 1, found 0; correct it.",
    ],
    [
      ["tune", "qa.jsonl", "--encoder", "zz"],
      '--encoder: expected one of "embedding", "mlp", "lstm", found "zz"; correct it.',
    ],
    [
      ["tune", "qa.jsonl", "--placement", "zz"],
      '--placement: expected one of "between", "prefix", found "zz"; correct it.',
    ],
    [
      ["tune", "qa.jsonl", "--method", "prefix-tuning", "--placement", "between"],
      "--placement: the rows of prefix-tuning stand in front of everything; use prefix, or p-tuning-v2 for rows after the passages.",
    ],
    [
      ["tune", "qa.jsonl", "--embedder-precision", "zz"],
      '--embedder-precision: expected one of "f32", "int8", found "zz"; correct it.',
    ],
    [
      ["search", "x", "--k", "51"],
      '--k: expected a whole number from 1 to 50, found "51"; correct it.',
    ],
    [
      ["search", "x", "--neighbours", "1.5"],
      '--neighbours: expected a whole number, found "1.5"; correct it.',
    ],
    [
      ["search", "x", "--neighbours", "101"],
      "--neighbours: expected a whole number from 0 to 100, found 101; correct it.",
    ],
    [
      ["search", "x", "--diversity", "3"],
      "--diversity: expected a number from 0 to 1, found 3; correct it.",
    ],
    [["search", " "], "question: it is empty; write it as one argument in quotes."],
    [
      ["eval", "qa.jsonl", "--split", "dev"],
      "--split: qa.jsonl is no folder of queries and qrels; leave it out, or name one.",
    ],
    [["ask", ""], "question: it is empty; write it as one argument in quotes."],
    [["compare", "empty.json"], "empty.json: name: expected a text, found nothing; correct it."],
    [
      ["compare", "arm.json"],
      'arm.json: arm "t": tokens: expected at least 1, found 0; correct it.',
    ],
    [
      ["verify", "--config", "list.config.json"],
      "list.config.json: expected an object, found a list; correct it.",
    ],
    [
      ["verify", "--config", "marked.config.json"],
      "marked.config.json: expected an object, found a list; correct it.",
    ],
    [
      ["verify", "--config", "null.config.json"],
      "null.config.json: expected an object, found null; correct it.",
    ],
    [
      ["verify", "--config", "key.config.json"],
      "key.config.json: apiKey: expected a text; correct it.",
    ],
  ];
  const ofAnswers = [
    ["--report", "x.html"],
    ["--arms", "rag"],
    ["--answers"],
    ["--hand", "Be brief."],
    ["--k", "3"],
    ["--tokens", "4"],
    ["--unanswerable"],
  ].map((flag): (typeof refused)[number] => [
    ["eval", "queries", ...flag],
    `${flag[0]}: a folder of queries and qrels is asked for no answers; leave it out, or name a question-answer file.`,
  ]);
  for (const [line, message] of [...refused, ...ofAnswers]) {
    test(line.join(" "), async () => {
      assert.deepEqual(await foreword(line, { cwd: folder }), {
        code: 2,
        stdout: "",
        stderr: `foreword: ${message}\n`,
      });
    });
  }

  test("tune takes the number of tokens from the environment too", async () => {
    const environment = { FOREWORD_TOKENS: "600" };
    const line = ["tune", "qa.jsonl"];
    const { code, stderr } = await foreword(line, { cwd: folder, environment });
    assert.equal(code, 2);
    assert.match(stderr, /^foreword: --tokens: expected at most 512, found 600/);
    const given = await foreword([...line, "--tokens", "4"], { cwd: folder, environment });
    assert.match(given.stderr, /^foreword: qa\.jsonl: there is no such file/);
  });

  test("a configuration file larger than any is refused by its size", async () => {
    await writeFile(join(folder, "large.config.json"), "{}".padEnd(2 ** 20 + 1));
    const { code, stderr } = await foreword(["verify", "--config", "large.config.json"], {
      cwd: folder,
    });
    assert.equal(code, 2);
    assert.match(stderr, /large\.config\.json: expected a JSON object .*found 1048577 bytes/);
  });

  test("an error names files without their folders, and with them when debugging", async () => {
    const line = ["eval", join(folder, "files"), "--split", "test"];
    await mkdir(join(folder, "files"));
    await writeFile(join(folder, "files", "queries.jsonl"), "");
    await writeFile(join(folder, "files", "qrels"), "");
    const { code, stderr } = await foreword(line, { cwd: folder });
    assert.equal(code, 1);
    assert.match(stderr, /^foreword: qrels: cannot be read \(ENOTDIR/);
    assert.ok(!stderr.includes(folder), stderr);
  });

  test("an empty FOREWORD_CONFIG counts as not set", async () => {
    const environment = { FOREWORD_CONFIG: "" };
    const { code, stderr } = await foreword(["verify"], { cwd: folder, environment });
    assert.equal(code, 1);
    assert.match(stderr, /there are no documents here/);
  });
});
