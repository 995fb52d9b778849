import assert from "node:assert/strict";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promptBytes } from "../ptuning/prompt-bytes.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { foreword, killedAt } from "./foreword.ts";

const COLOURS = ["red", "green", "blue"];
const pairs = Array.from({ length: 20 }, (_, index) => ({
  id: `pair-${index}`,
  input: `Lamp ${index} on pier ${index % 5}`,
  output: COLOURS[index % 3],
}));

describe("training on inputs that stand alone, from the command line on a tiny model", () => {
  let folder: string;
  let model: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-prompts-"));
    model = join(await writeTinyModel(folder), "..");
    const lines = pairs.map((pair) => JSON.stringify(pair));
    await writeFile(join(folder, "pairs.jsonl"), `${lines.join("\n")}\n`);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (...words: string[]) => {
    const shared = ["--model", model, "--store", "store", "--cache", "cache", "--json"];
    return foreword([...words, ...shared], { cwd: folder });
  };
  const tune = (name: string, ...flags: string[]) =>
    run("tune", "pairs.jsonl", "--name", name, "--tokens", "4", ...flags);
  const json = async (...words: string[]) => {
    const { code, stdout, stderr } = await run(...words);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const bytesOf = (name: string) => promptBytes(join(folder, "store", "prompts", name));

  test("tune needs no documents, and its last event says what was trained", async () => {
    const { code, stdout, stderr } = await tune(
      "lamps",
      "--method",
      "prompt-tuning",
      "--epochs",
      "2",
      "--random-tokens",
    );
    assert.equal(code, 0, stderr);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { seconds, trainLoss, ...done } = events.at(-1);
    assert.ok(seconds > 0 && trainLoss > 0);
    assert.deepEqual(Object.keys(done.dev).sort(), ["em", "f1"]);
    assert.equal(done.event, "done");
    assert.equal(done.prompt, "lamps");
    assert.equal(done.trainableParameters, 4 * 48);
    assert.equal(done.steps, 2 * Math.ceil(18 / 8));
  });

  test("show prints sizes, curves and the nearest words of each virtual token", async () => {
    const shown = await json("prompts", "show", "lamps");
    assert.equal(shown.task, "input");
    assert.equal(shown.tokens.length, 4);
    assert.equal(shown.tokens[0].nearest.length, 3);
    assert.ok(shown.bytes.prompt > 0 && shown.bytes.training > 0);
    const text = await foreword(
      ["prompts", "show", "lamps", "--model", model, "--store", "store", "--cache", "cache"],
      { cwd: folder },
    );
    assert.match(text.stdout, /lamps: prompt-tuning, 4 virtual tokens/);
    assert.match(text.stdout, /loss: .*[▁▂▃▄▅▆▇█]+/);
    assert.match(text.stdout, /trained numbers: 192/);
  });

  test("ask answers an input without documents, with all or the first virtual tokens", async () => {
    const words = ["ask", "Lamp 3 on pier 3", "--prompt", "lamps", "--max-tokens", "6"];
    const whole = await json(...words);
    assert.equal(whole.prompt, "lamps");
    assert.deepEqual(whole.passages, []);
    const first = await json(...words, "--tokens", "1");
    assert.equal(whole.usage.promptTokens - first.usage.promptTokens, 3);
  });

  test("eval compares arms on inputs without documents", async () => {
    const result = await json(
      "eval",
      "pairs.jsonl",
      "--arms",
      "no-retrieval,lamps",
      "--limit",
      "4",
    );
    assert.equal(result.n, 4);
    assert.deepEqual(Object.keys(result.arms), ["no-retrieval", "lamps"]);
    assert.ok(!("retrieval" in result));
  });

  test("export and import carry a prompt to another name", async () => {
    await json("prompts", "export", "lamps", "--format", "peft", "--out", "adapter");
    const imported = await json("prompts", "import", "adapter", "--name", "copy");
    assert.deepEqual(imported, {
      name: "copy",
      method: "prompt-tuning",
      virtualTokens: 4,
      placement: "between",
    });
    assert.deepEqual(await bytesOf("copy"), await bytesOf("lamps"));
    assert.equal((await json("prompts", "show", "copy")).task, "input");
    const flags = ["--placement", "prefix", "--passages", "2"];
    const written = await json("prompts", "export", "lamps", "--format", "spring");
    assert.deepEqual(written, { name: "lamps", format: "spring", out: "lamps.pt" });
    const taken = await run("prompts", "import", "lamps.pt", ...flags);
    assert.equal(taken.code, 2);
    assert.match(taken.stderr, /"lamps": is in the store already; give --name lamps to replace it/);
    await json("prompts", "import", "lamps.pt", "--name", "rows", ...flags);
    await rename(join(folder, "lamps.pt"), join(folder, "lanterns.pt"));
    assert.equal((await json("prompts", "import", "lanterns.pt", ...flags)).name, "lanterns");
    await json("prompts", "rm", "lanterns");
    const rows = await json("prompts", "show", "rows");
    assert.deepEqual([rows.placement, rows.training.passagesMax], ["prefix", 2]);
    const { code, stderr } = await run("prompts", "export", "lamps", "--format", "x", "--out", "y");
    assert.equal(code, 2);
    assert.match(stderr, /peft, spring, vllm, merged/);
  });

  test("eval refuses a prompt for questions on inputs, and takes one for inputs by itself", async () => {
    const refused = await run("eval", "pairs.jsonl", "--arms", "rows", "--limit", "2");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /"rows": it was trained for questions.*pairs\.jsonl.*--arms/);
    const { arms } = await json("eval", "pairs.jsonl", "--limit", "2");
    assert.deepEqual(Object.keys(arms), ["rag", "hand", "copy"]);
  });

  test("killed at any step and resumed, a run ends with the bytes of one that was not", async () => {
    const flags = [
      ...["--method", "p-tuning", "--encoder", "mlp", "--epochs", "3", "--batch", "2"],
      ...["--patience", "9", "--random-tokens", "--checkpoint-steps", "2"],
    ];
    const whole = await tune("whole", ...flags);
    assert.equal(whole.code, 0, whole.stderr);
    const shared = ["--model", model, "--store", "store", "--cache", "cache", "--json"];
    const words = ["tune", "pairs.jsonl", "--name", "killed", "--tokens", "4", "--resume"];
    const resume = async (environment: NodeJS.ProcessEnv) => {
      const { code, stderr } = await foreword([...words, ...flags, ...shared], {
        cwd: folder,
        environment,
      });
      const isAnew = /warning: prompt "killed": there is nothing to resume, so its/.test(stderr);
      return { code, isAnew, stderr };
    };
    // After a checkpoint, and before the one of that step.
    for (const step of [3, 8, 13, 18, 23]) {
      const { code, isAnew, stderr } = await resume(killedAt(`"event":"step","step":${step},`));
      assert.deepEqual([code, isAnew], [null, step === 3], stderr);
    }
    const { code, isAnew, stderr } = await resume({});
    assert.deepEqual([code, isAnew], [0, false], stderr);
    assert.deepEqual(await bytesOf("killed"), await bytesOf("whole"));
    const progress = async (name: string) =>
      JSON.parse(
        await readFile(join(folder, "store", "prompts", name, "training/progress.json"), "utf8"),
      );
    const [killed, unbroken] = [await progress("killed"), await progress("whole")];
    assert.deepEqual(killed.random, unbroken.random);
    assert.equal(killed.step, unbroken.step);
  });

  test("a rate so high that the loss explodes stops the run and keeps the finished prompt", async () => {
    const flags = ["--method", "full", "--epochs", "9", "--batch", "4"];
    const good = await tune("burst", ...flags, "--learning-rate", "1e-9", "--epochs", "1");
    assert.equal(good.code, 0, good.stderr);
    const before = await readFile(join(folder, "store/prompts/burst/model/model.safetensors"));
    const bad = await tune("burst", ...flags, "--learning-rate", "9");
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /step \d+: the loss is .*Try --learning-rate 2\.\d/);
    const kept = await readFile(join(folder, "store/prompts/burst/model/model.safetensors"));
    assert.ok(before.equals(kept), "what was there is still there");
  });

  test("several seeds leave the best under the name asked for", async () => {
    const { code, stdout, stderr } = await tune("best", "--seeds", "2", "--epochs", "1");
    assert.equal(code, 0, stderr);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const seeds = events.filter(({ event }) => event === "seed");
    assert.deepEqual(
      seeds.map(({ seed }) => seed),
      [1, 2],
    );
    const f1 = Math.max(...seeds.map(({ dev }) => dev.f1));
    assert.equal(events.at(-1).dev.f1, f1);
    const { prompts } = await json("prompts", "ls");
    const names = prompts.map(({ name }: { name: string }) => name);
    assert.ok(names.includes("best") && !names.some((name: string) => name.includes("seed-")));
  });

  test("the learning rate is looked for when asked", async () => {
    const { code, stdout, stderr } = await tune("found", "--find-learning-rate", "--epochs", "1");
    assert.equal(code, 0, stderr);
    const found = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .find(({ event }) => event === "learning-rate");
    assert.ok(found.learningRate > 1e-7 && found.learningRate < 1);
    assert.ok(found.curve.length > 5);
    const shown = await json("prompts", "show", "found");
    assert.equal(shown.training.learningRate, found.learningRate);
  });
});
