import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { CommandContext } from "../../pipeline/command-host.ts";
import { showPrompt } from "../../pipeline/commands/show-prompt.ts";
import { Terminal } from "../../pipeline/terminal.ts";
import { loadPrompt, parseTuneSettings, tunePrompt } from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "../ptuning/tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "../ptuning/tiny-pairs.ts";

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const BASE = { tokens: 3, epochs: 1, batch: 4, checkpointSteps: 1 };

describe("what is shown of a prompt", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  /** Trains; `isBrokenOff`: until its first checkpoint. */
  const tune = async (settings: object, isBrokenOff = false) => {
    const abort = new AbortController();
    const { generator, storeFolder } = tiny;
    const parsed = parseTuneSettings({ ...BASE, ...settings }, "test");
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    for await (const { event } of tunePrompt(parsed, { ...parts, signal: abort.signal })) {
      if (isBrokenOff && event === "checkpoint") abort.abort();
    }
  };

  const show = async (name: string, json: boolean): Promise<string> => {
    const pieces: string[] = [];
    const stdout = { write: (text: string) => pieces.push(text) > 0 };
    const { generator, modelFolder: folder, storeFolder: store } = tiny;
    const weightsPath = join(folder, "model.safetensors");
    const resolved = {
      name: "tiny",
      folder,
      fingerprint: generator.model.fingerprint,
      weightsPath,
    };
    // Only what is used of them.
    const context = {
      settings: { store, model: "tiny" },
      terminal: new Terminal({ stdout, stderr: process.stderr, json, quiet: true, color: false }),
      workspace: { resolveModel: async () => resolved },
    } as unknown as CommandContext;
    await showPrompt(context, name);
    return pieces.join("");
  };
  const shownJson = async (name: string) => JSON.parse(await show(name, true));

  test("of a training that was broken off it is the checkpoint, with the checkpoint's size", async () => {
    await assert.rejects(tune({ name: "broken" }, true), { name: "AbortError" });
    const { training, bytes } = await shownJson("broken");
    assert.equal(training.isFinished, false);
    const rows = 3 * 2 * 3 * 2 * 8; // layers, keys and values, tokens, heads, numbers of a head
    assert.ok(bytes.prompt > 4 * rows, `${bytes.prompt} bytes of the prompt`);
    assert.ok(bytes.training > 3 * 4 * rows, "parameters and two moments");
    assert.match(await show("broken", false), /^broken: p-tuning-v2, 3 virtual tokens/);
  });

  test("of a finished training it is the data, the scores, and each virtual token's norm and attention", async () => {
    await tune({ name: "whole" });
    const { training, attention, tokens } = await shownJson("whole");
    assert.equal(training.qaHash, tinyQa.hash);
    const [{ step, ...scored }] = training.devCurve;
    assert.equal(step, training.steps);
    assert.deepEqual(training.dev, scored);
    assert.equal(attention.virtualTokens.length, 3);
    const shares = [attention.before, ...attention.virtualTokens, attention.after];
    assert.ok(shares.every((share) => share > 0));
    assert.ok(Math.abs(sum(shares) - 1) < 1e-3, `shares of ${sum(shares)}`);
    const norms = await normsOf("whole");
    for (const [index, { norm }] of tokens.entries()) {
      assert.ok(Math.abs(norm - norms[index]!) < 1e-6, `${norm}, not ${norms[index]}`);
    }

    const text = await show("whole", false);
    assert.match(text, /data: 22 examples, sha256 a{16}…, seed 1/);
    const { em, f1 } = training.dev;
    assert.ok(text.includes(`held out: EM ${em.toFixed(1)}, F1 ${f1.toFixed(1)}`));
    const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
    const own = percent(sum(attention.virtualTokens));
    assert.ok(
      text.includes(
        `attention of answers: ${percent(attention.before)} before the virtual tokens, ${own} on them`,
      ),
    );
    assert.match(text, /nearest words \(values of the first layer\)/);
    const rows = text.trimEnd().split("\n").slice(-3);
    for (const [index, row] of rows.entries()) {
      const columns = row.trim().split(/ {2,}/).slice(0, 3);
      const share = percent(attention.virtualTokens[index]);
      assert.deepEqual(columns, [String(index + 1), norms[index]!.toFixed(3), share]);
    }
  });

  for (const method of ["p-tuning-v2", "prefix-tuning"]) {
    test(`of ${method} that has learned nothing yet the nearest words are those it started as`, async () => {
      const start = { instruction: "lamp", tokens: 4, learningRate: 1e-12 };
      await tune({ name: method, method, ...start });
      const { tokens } = await shownJson(method);
      const nearest: { token: string; cosine: number }[] = tokens.map(
        (one: { nearest: unknown[] }) => one.nearest[0],
      );
      assert.deepEqual(
        nearest.map(({ token }) => token),
        ["l", "a", "m", "p"],
      );
      assert.ok(nearest.every(({ cosine }) => Math.abs(cosine - 1) < 1e-5));
      assert.match(await show(method, false), /^1 .*%\s+"l" 1\.00 {2}".*" 0\.\d\d/m);
    });
  }

  /** Of each virtual token's keys and values, the mean of their lengths over layers. */
  const normsOf = async (name: string): Promise<readonly number[]> => {
    const { content } = await loadPrompt(tiny.storeFolder, name);
    assert.ok("deep" in content);
    const rows = [...content.deep.keys, ...content.deep.values];
    const { keyValueHeads: heads, headDimension: size } = tiny.generator.model.config;
    return Array.from({ length: BASE.tokens }, (_, token) => {
      const lengths = rows.map((row) => {
        const own = row.filter((_, i) => Math.floor(i / size) % BASE.tokens === token);
        assert.equal(own.length, heads * size);
        return Math.hypot(...own);
      });
      return sum(lengths) / lengths.length;
    });
  };
});
