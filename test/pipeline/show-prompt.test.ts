import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { CommandContext } from "../../pipeline/command-host.ts";
import { showPrompt } from "../../pipeline/commands/show-prompt.ts";
import { Terminal } from "../../pipeline/terminal.ts";
import { parseTuneSettings, tunePrompt } from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "../ptuning/tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "../ptuning/tiny-pairs.ts";

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
});
