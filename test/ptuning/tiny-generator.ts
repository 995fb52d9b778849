import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sha256File } from "../../core/index.ts";
import { Generator } from "../../generator/index.ts";

const golden = join(import.meta.dirname, "../fixtures/golden/models");
const CHARACTERS = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const TOKENS = [...SPECIAL, "Ġ", "Ċ", ...CHARACTERS];

/** A golden model with a tokenizer of single ASCII characters: whole training runs in a second. */
export interface TinyGenerator {
  readonly folder: string;
  readonly modelFolder: string;
  readonly storeFolder: string;
  readonly generator: Generator;
  close(): Promise<void>;
}

export async function openTinyGenerator(family = "llama-tied"): Promise<TinyGenerator> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-tiny-"));
  const generator = await reopenTiny(await writeTinyModel(folder, family), folder);
  return {
    folder,
    modelFolder: folder,
    storeFolder: join(folder, "store"),
    generator,
    close: async () => {
      await generator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Writes the model into a folder; gives the path of its weights. */
export async function writeTinyModel(folder: string, family = "llama-tied"): Promise<string> {
  await copyFile(join(golden, family, "model.safetensors"), join(folder, "model.safetensors"));
  const config = JSON.parse(await readFile(join(golden, family, "config.json"), "utf8"));
  // Single characters are many tokens; rotary positions may go further than the recorded context.
  if ("max_position_embeddings" in config) config.max_position_embeddings = 2048;
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer()));
  const ends = { eos_token: "<|im_end|>", tokenizer_class: "PreTrainedTokenizerFast" };
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(ends));
  return join(folder, "model.safetensors");
}

/** Opens a model folder with everything in f32. */
export async function reopenTiny(weightsPath: string, cacheFolder: string): Promise<Generator> {
  const fingerprint = await sha256File(weightsPath);
  return Generator.open(
    { name: "tiny", folder: dirname(weightsPath), fingerprint, weightsPath },
    { cacheFolder, weights: "float32", threads: 1 },
  );
}

function tokenizer(): object {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  return {
    version: "1.0",
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      special: true,
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip: false,
    })),
    normalizer: null,
    pre_tokenizer: { ...byteLevel, use_regex: false },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: false },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])),
      merges: [],
      unk_token: null,
    },
  };
}
