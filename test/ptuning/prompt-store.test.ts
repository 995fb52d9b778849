import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, { existsSync } from "node:fs";
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  checkPromptFits,
  checkPromptName,
  hasPrompt,
  listPrompts,
  loadPrompt,
  loadTraining,
  promptBytes,
  removePrompt,
  saveCheckpoint,
  savePrompt,
  type TrainingState,
} from "../../ptuning/index.ts";
import { passageFolderPath, renamePrompt } from "../../ptuning/prompt-store.ts";
import { deepPrompt, describePrompt, tokenPrompt } from "./learned-prompts.ts";
import { tensorsIn } from "./tensors-in.ts";

const golden = join(import.meta.dirname, "../fixtures/golden/models/llama-tied");
let store = "";
let prompts = "";
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), "foreword-prompts-"));
  prompts = join(store, "prompts");
});
afterEach(() => rm(store, { recursive: true, force: true }));

const readJson = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));

test("a saved prompt loads as it was, for tokens and for rows at every layer", async () => {
  const saved = [
    tokenPrompt(),
    deepPrompt("p-tuning-v2", { name: "deep" }),
    deepPrompt("prefix-tuning", { name: "prefix" }),
  ];
  for (const prompt of saved) await savePrompt(store, prompt);
  for (const prompt of saved) {
    assert.deepEqual(await loadPrompt(store, prompt.about.name), prompt);
  }
});

test("the folder of a p-tuning prompt is the adapter PEFT writes, field for field", async () => {
  for (const [kind, method] of [
    ["mlp", "p-tuning-mlp"],
    ["lstm", "p-tuning-lstm"],
    ["embedding", "prompt-tuning"],
  ] as const) {
    const prompt = tokenPrompt({ name: method, encoder: { kind, hiddenSize: 40 } });
    await savePrompt(store, prompt);
    const folder = join(prompts, method);
    assert.deepEqual(
      await readJson(join(folder, "adapter_config.json")),
      await readJson(join(golden, method, "adapter_config.json")),
    );
    const tensors = tensorsIn(join(folder, "adapter_model.safetensors"));
    assert.deepEqual([...tensors.keys()], ["prompt_embeddings"]);
    assert.deepEqual(tensors.get("prompt_embeddings")?.shape, [6, 48]);
  }
});

test("a prefix-tuning prompt is PEFT's too, with each row where PEFT looks for it", async () => {
  const prompt = deepPrompt("prefix-tuning");
  await savePrompt(store, prompt);
  const folder = join(prompts, "manuals");
  assert.deepEqual(
    await readJson(join(folder, "adapter_config.json")),
    await readJson(join(golden, "prefix-tuning", "adapter_config.json")),
  );
  const { shape, data } = tensorsIn(join(folder, "adapter_model.safetensors")).get(
    "prompt_embeddings",
  )!;
  assert.deepEqual(shape, [6, 96]);
  assert.ok("deep" in prompt.content);
  // PEFT views [K, 2·layers, heads, d]: token 4, layer 1's value (part 3), head 1, entry 5.
  const peft = data[4 * 96 + (3 * 2 + 1) * 8 + 5];
  assert.equal(peft, prompt.content.deep.values[1]![(1 * 6 + 4) * 8 + 5]);
});

test("rotated rows between passages and question are no PEFT method, so PEFT gets no adapter", async () => {
  await savePrompt(store, deepPrompt("p-tuning-v2"));
  const folder = join(prompts, "manuals");
  assert.deepEqual((await readdir(folder)).sort(), ["deep_tokens.safetensors", "foreword.json"]);
  const tensors = tensorsIn(join(folder, "deep_tokens.safetensors"));
  assert.equal(tensors.size, 6);
  assert.deepEqual(tensors.get("deep.2.value")?.shape, [2, 6, 8]);
});

test("training state is saved beside the prompt and comes back exactly", async () => {
  const tensor = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });
  const state: TrainingState = {
    parameters: new Map([["weight", tensor(1, 2)]]),
    optimizer: new Map([
      ["step", tensor(3)],
      ["first_moment.weight", tensor(0.25, -0.5)],
    ]),
    progress: { step: 3, random: { words: [1, 2, 3, 4], spareNormal: null } },
  };
  await savePrompt(store, tokenPrompt(), state);
  assert.deepEqual((await loadTraining(store, "manuals")).state, state);
  await savePrompt(store, tokenPrompt());
  assert.equal((await loadTraining(store, "manuals")).state, undefined);
});

test("a checkpoint stands in for a prompt that there is not, and leaves a finished one alone", async () => {
  const state: TrainingState = {
    parameters: new Map([["weight", { shape: [1], data: Float32Array.of(1) }]]),
    optimizer: new Map(),
    progress: { step: 1 },
  };
  const [finished, checkpoint] = [tokenPrompt({}, 0), tokenPrompt({}, 5)];
  await saveCheckpoint(store, checkpoint, state);
  assert.deepEqual(await loadPrompt(store, "manuals"), checkpoint);
  const bytes = await promptBytes(store, "manuals");
  assert.ok(bytes.prompt > 6 * 48 * 4 && bytes.training > 4, JSON.stringify(bytes));
  assert.deepEqual(
    (await listPrompts(store)).map(({ name }) => name),
    ["manuals"],
  );
  await savePrompt(store, finished);
  assert.equal((await promptBytes(store, "manuals")).training, 0);
  assert.deepEqual(await readdir(join(store, "training")), []);
  await saveCheckpoint(store, checkpoint, state);
  assert.deepEqual(await loadPrompt(store, "manuals"), finished);
  assert.deepEqual(await loadTraining(store, "manuals"), { saved: checkpoint, state });
  await removePrompt(store, "manuals");
  assert.equal(hasPrompt(store, "manuals"), false);
});

test("saving replaces a prompt of that name and leaves nothing else behind", async () => {
  await savePrompt(store, tokenPrompt({}, 0));
  await savePrompt(store, tokenPrompt({}, 5));
  assert.deepEqual(await loadPrompt(store, "manuals"), tokenPrompt({}, 5));
  assert.deepEqual(await readdir(prompts), ["manuals"]);
});

test("a save that was killed leaves the old prompt or the new one, and the next save clears up", async () => {
  const [old, fresh] = [tokenPrompt({}, 0), tokenPrompt({}, 5)];
  const half = join(prompts, ".manuals.0123456789ab.tmp");
  const replaced = join(prompts, ".manuals.replaced");
  const place = join(prompts, "manuals");
  await savePrompt(store, old);
  // Killed while writing the new folder.
  await mkdir(half);
  await writeFile(join(half, "adapter_model.safetensors"), "half");
  assert.deepEqual(await loadPrompt(store, "manuals"), old);
  // Killed between the two renames.
  await rename(place, replaced);
  assert.deepEqual(await loadPrompt(store, "manuals"), old);
  assert.deepEqual(
    (await listPrompts(store)).map(({ name }) => name),
    ["manuals"],
  );
  // Killed before the old folder was deleted.
  await savePrompt(store, fresh);
  await cp(place, replaced, { recursive: true });
  assert.deepEqual(await loadPrompt(store, "manuals"), fresh);
  await savePrompt(store, old);
  assert.deepEqual(await readdir(prompts), ["manuals"]);
});

test("kill -9 in the middle of saves leaves a whole prompt", async () => {
  const url = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);
  const program = `
    const { savePrompt } = await import(${url("../../ptuning/index.ts")});
    const { tokenPrompt } = await import(${url("learned-prompts.ts")});
    for (let i = 0; ; i++) {
      await savePrompt(${JSON.stringify(store)}, tokenPrompt({}, i % 2));
      process.stdout.write("saved\\n");
    }`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let lines = 0;
  for await (const piece of child.stdout) {
    lines += String(piece).split("\n").length - 1;
    if (lines >= 5) break;
  }
  const exited = child.exitCode === null ? once(child, "exit") : undefined;
  child.kill("SIGKILL");
  await exited;
  const { content } = await loadPrompt(store, "manuals");
  assert.ok("virtualTokens" in content);
  const first = content.virtualTokens[0]!;
  assert.ok(first === 0 || first === 1);
  assert.deepEqual(content, tokenPrompt({}, first).content);
});

test("a prompt read while it is replaced is never half old and half new", async () => {
  await savePrompt(store, tokenPrompt({}, 0));
  const saving = (async () => {
    for (let i = 1; i <= 10; i++) await savePrompt(store, tokenPrompt({ instruction: `${i}` }, i));
  })();
  let isSaving = true;
  const done = saving.finally(() => {
    isSaving = false;
  });
  while (isSaving) {
    const { about, content } = await loadPrompt(store, "manuals");
    assert.ok("virtualTokens" in content);
    if (content.virtualTokens[0] !== 0) {
      assert.equal(about.instruction, String(content.virtualTokens[0]));
    }
  }
  await done;
});

test("a truncated, changed or missing file is refused by name", async () => {
  const damage: readonly [string, (folder: string) => Promise<void>, RegExp][] = [
    ["a", (at) => truncate(join(at, "adapter_model.safetensors"), 600), /adapter_model\.safeten/],
    ["b", (at) => appendFile(join(at, "adapter_model.safetensors"), "x"), /sha256 .* expected/],
    ["c", (at) => rm(join(at, "adapter_model.safetensors")), /the file is missing/],
    ["d", (at) => truncate(join(at, "foreword.json"), 100), /foreword\.json .*not whole JSON/],
    ["e", (at) => rm(join(at, "foreword.json")), /foreword\.json .*missing/],
    ["f", (at) => writeFile(join(at, "foreword.json"), '{"format":"x"}'), /foreword\.json/],
  ];
  for (const [name, spoil, message] of damage) {
    await savePrompt(store, tokenPrompt({ name }));
    await spoil(join(prompts, name));
    await assert.rejects(loadPrompt(store, name), (error: Error & { code?: string }) => {
      assert.equal(error.code, "prompt/invalid");
      assert.match(error.message, new RegExp(`^prompt "${name}": `));
      assert.match(error.message, message);
      assert.ok(!error.message.includes(store), "no absolute path");
      return true;
    });
  }
});

/** Asks `onRead` whenever a file is about to be hashed for the path to read. */
function watchReads(context: TestContext, onRead: (path: string) => string): void {
  const { createReadStream } = fs;
  context.mock.method(fs, "createReadStream", (path: string, options: object) =>
    createReadStream(onRead(path), options),
  );
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
}

test("a damaged prompt is read once, since a whole model's is gigabytes", async (t) => {
  await savePrompt(store, tokenPrompt());
  await appendFile(join(prompts, "manuals", "adapter_model.safetensors"), "x");
  const reads: string[] = [];
  watchReads(t, (path) => {
    reads.push(path);
    return path;
  });
  await assert.rejects(loadPrompt(store, "manuals"), { code: "prompt/invalid" });
  assert.equal(reads.length, 1);
});

test("a prompt of which a file is missing because it is replaced is read again", async (t) => {
  await savePrompt(store, tokenPrompt({}, 1));
  const [place, fresh] = [join(prompts, "manuals"), join(store, "fresh")];
  // Saved twice it has the same record.
  await cp(place, fresh, { recursive: true });
  const reads: string[] = [];
  watchReads(t, (path) => {
    reads.push(path);
    if (reads.length > 1) return path;
    fs.renameSync(place, join(store, "old"));
    fs.renameSync(fresh, place);
    return join(store, "missing"); // as it was between the two
  });
  assert.deepEqual(await loadPrompt(store, "manuals"), tokenPrompt({}, 1));
  assert.equal(reads.length, 2);
});

test("a record that promises other shapes than its tensors have is refused", async () => {
  await savePrompt(store, tokenPrompt());
  const path = join(prompts, "manuals", "foreword.json");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace('"virtualTokens": 6', '"virtualTokens": 7'));
  await assert.rejects(loadPrompt(store, "manuals"), {
    code: "prompt/invalid",
    message: /"prompt_embeddings" should be \[7, 48\] but \[6, 48\]/,
  });
});

test("an unknown field in the record is refused by name", async () => {
  await savePrompt(store, tokenPrompt());
  const path = join(prompts, "manuals", "foreword.json");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace('"version"', '"colour": "red",\n "version"'));
  await assert.rejects(loadPrompt(store, "manuals"), {
    code: "prompt/invalid",
    message: /"colour"/,
  });
});

test("the list names every prompt and says which is damaged", async () => {
  assert.deepEqual(await listPrompts(store), []);
  for (const name of ["b", "a"]) await savePrompt(store, tokenPrompt({ name }));
  await rm(join(prompts, "b", "foreword.json"));
  const [first, second, ...more] = await listPrompts(store);
  assert.ok(first !== undefined && "record" in first);
  assert.equal(first.record.training.dev?.f1, 20.5);
  assert.ok(second !== undefined && "problem" in second);
  assert.match(second.problem, /^prompt "b": foreword\.json/);
  assert.deepEqual(more, []);
});

test("a renamed prompt replaces what has the name, its checkpoint too", async () => {
  const state: TrainingState = { parameters: new Map(), optimizer: new Map(), progress: {} };
  await savePrompt(store, tokenPrompt({ name: "best" }, 1));
  await savePrompt(store, tokenPrompt({ name: "manuals" }, 2));
  await saveCheckpoint(store, tokenPrompt({ name: "manuals" }, 3), state);
  await renamePrompt(store, "best", "manuals");
  const { content } = tokenPrompt({}, 1);
  assert.deepEqual((await loadPrompt(store, "manuals")).content, content);
  assert.deepEqual((await loadTraining(store, "manuals")).saved.content, content);
  assert.ok(!hasPrompt(store, "best"));
});

test("a missing prompt is refused with the names there are; a removed one is missing", async () => {
  await assert.rejects(loadPrompt(store, "x"), { message: /there are none yet/ });
  await savePrompt(store, tokenPrompt());
  await savePrompt(store, tokenPrompt({ name: "other" }));
  await removePrompt(store, "manuals");
  await assert.rejects(loadPrompt(store, "manuals"), {
    code: "prompt/not-found",
    message: /^prompt "manuals": .*\(there are: other\)/,
  });
  await assert.rejects(removePrompt(store, "manuals"), { code: "prompt/not-found" });
  assert.deepEqual(await readdir(prompts), ["other"]);
});

test("what a training keeps that was killed before its first checkpoint is removed by its name", async () => {
  const passages = passageFolderPath(store, "killed");
  await mkdir(passages, { recursive: true });
  assert.deepEqual(await listPrompts(store), []);
  await removePrompt(store, "killed");
  assert.equal(existsSync(passages), false);
  await assert.rejects(removePrompt(store, "killed"), { code: "prompt/not-found" });
});

test("a name that is a path, empty, too long or a reserved word is refused", async () => {
  const names = ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a.", "a b", "é", "-x", "none"];
  for (const name of [...names, "rag", "x".repeat(65), "a\0b"]) {
    await assert.rejects(async () => loadPrompt(store, name), { code: "config/invalid" });
    await assert.rejects(savePrompt(store, tokenPrompt({ name })), { code: "config/invalid" });
  }
  for (const name of ["a", "A-1_b.c", "x".repeat(64)])
    await savePrompt(store, tokenPrompt({ name }));
});

test("a prompt for other weights is refused with both models named", () => {
  const about = describePrompt();
  const same = { ...about.baseModel, name: "a copy under another name" };
  checkPromptFits({ about }, same);
  const other = { name: "smollm2", fingerprint: "ef".repeat(32), width: 576 };
  assert.throws(() => checkPromptFits({ about }, other), {
    code: "prompt/mismatch",
    message: /"manuals".*llama-tied \(width 48, fingerprint abab.*smollm2 \(width 576, .*efef/,
  });
});

test("a place of prompts that is no folder is told by its name in the store", async () => {
  await writeFile(prompts, "x");
  await assert.rejects(listPrompts(store), {
    code: "file/unreadable",
    message: /^store\/prompts: cannot be read \(ENOTDIR: not a directory\); /,
  });
});

test("a name that is a device on Windows is refused everywhere", () => {
  for (const name of ["CON", "nul", "com1.v2", "LPT9"]) {
    assert.throws(() => checkPromptName(name), { code: "config/invalid", message: /device/ });
  }
  for (const name of ["console", "null", "com", "v2.con"]) checkPromptName(name);
});
