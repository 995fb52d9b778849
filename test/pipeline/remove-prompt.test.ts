import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { sha256 } from "../../core/index.ts";
import { removePromptAndLayouts } from "../../pipeline/remove-prompt.ts";
import { type LearnedPrompt, savePrompt } from "../../ptuning/index.ts";
import { layoutFolder } from "../../runtime/index.ts";
import { describePrompt, tokenPrompt } from "../ptuning/learned-prompts.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";

const WEIGHTS = "weights of its own";

/** A prompt whose content is a whole model. */
function wholeModel(): LearnedPrompt {
  const about = describePrompt({ method: "full", virtualTokens: 0 });
  const write = async (folder: string) => {
    await mkdir(folder, { recursive: true });
    for (const file of ["model.safetensors", "config.json", "tokenizer.json"]) {
      await writeFile(join(folder, file), WEIGHTS);
    }
  };
  return { about, content: { model: { write } } };
}

test("a prompt that is a model of its own is removed with what was laid out of its weights, and no other", async (context) => {
  const store = temporaryFolder(context);
  const cache = join(store, "cache");
  const own = layoutFolder(cache, sha256(WEIGHTS));
  const base = layoutFolder(cache, describePrompt().baseModel.fingerprint);
  for (const folder of [own, base]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "weights.bin"), "laid out");
  }
  await savePrompt(store, wholeModel());
  assert.deepEqual(await removePromptAndLayouts({ store, cache }, "manuals"), { left: undefined });
  assert.deepEqual([existsSync(own), existsSync(base)], [false, true]);
  await savePrompt(store, tokenPrompt());
  assert.deepEqual(await removePromptAndLayouts({ store, cache }, "manuals"), {});
  assert.equal(existsSync(base), true);
  await assert.rejects(removePromptAndLayouts({ store, cache }, "manuals"), {
    code: "prompt/not-found",
  });
});
