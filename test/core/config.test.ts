import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { parseWith } from "../../core/index.ts";

const schema = z.strictObject({
  count: z.int().min(1).max(512).default(16),
  share: z.number().positive().optional(),
  kind: z.enum(["mlp", "lstm"]).default("mlp"),
  names: z.array(z.string().min(1)).min(1).optional(),
  tokens: z.union([z.int(), z.literal("all")]).optional(),
  inner: z.union([z.string(), z.strictObject({ depth: z.int() })]).optional(),
});

/** What a file's reader is told, and who typed a flag. */
for (const [raw, inFile, asFlag] of [
  [{ count: 0 }, "count: expected at least 1, found 0", "--count: expected at least 1, found 0"],
  [{ count: 513 }, "count: expected at most 512, found 513"],
  [{ count: 1.5 }, "count: expected a whole number, found 1.5"],
  [{ share: 0 }, "share: expected more than 0, found 0"],
  [
    { kind: "hunter2" },
    'kind: expected one of "mlp", "lstm", found another text',
    '--kind: expected one of "mlp", "lstm", found "hunter2"',
  ],
  [{ names: ["a", ""] }, "names[1]: expected a text of at least 1 character, found another text"],
  [{ names: [] }, "names: expected a list of at least 1 item, found a list"],
  [{ tokens: "some" }, 'tokens: expected a number or "all", found another text'],
  [{ inner: { depth: {} } }, "inner.depth: expected a number, found an object"],
  [{ inner: {} }, "inner.depth: expected a number, found nothing"],
  [{ more: "hunter2" }, 'there is no "more"'],
] as const) {
  test(`one sentence tells the first thing wrong: ${JSON.stringify(raw)}`, () => {
    assert.throws(() => parseWith(schema, raw, "train.json"), {
      code: "config/invalid",
      message: `train.json: ${inFile}; correct it.`,
    });
    if (asFlag === undefined) return;
    assert.throws(() => parseWith(schema, raw, (name) => `--${name}`), {
      message: `${asFlag}; correct it.`,
    });
  });
}

test("a value that is no object is told of the whole", () => {
  for (const [raw, found] of [
    [[1], "a list"],
    [null, "null"],
    ["hunter2", "another text"],
  ] as const) {
    assert.throws(() => parseWith(schema, raw, "train.json"), {
      message: `train.json: expected an object, found ${found}; correct it.`,
    });
  }
});

test("what a program wrote is not there to be corrected", () =>
  assert.throws(() => parseWith(schema, { count: 0 }, "config.json", "model/invalid"), {
    code: "model/invalid",
    message:
      /^config\.json: count: expected at least 1, found 0; it is damaged, or not what it should be; get it again\.$/,
  }));
