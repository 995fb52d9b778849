import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { errorMessage, RagError, sha256, sha256File, systemCode } from "../../core/index.ts";
import type { Model } from "../../generator/index.ts";
import { openSafetensors } from "../../runtime/index.ts";
import { baseModelOf } from "../model-description.ts";
import type { LearnedPrompt } from "../prompt-file.ts";
import { checkPromptName, type PromptDescription } from "../prompt-record.ts";
import { writeTemplate } from "../prompt-template.ts";
import { contentFromTensors } from "../prompt-tensors.ts";
import { type AskedOptions, type HowAsked, howAsked, readHowAsked } from "./how-asked.ts";
import { describeAdapter, parseConfig } from "./peft-adapter.ts";
import { readTorchTensor } from "./torch-tensor.ts";

export interface ImportOptions extends AskedOptions {
  /** The prompt's name in the store. */
  readonly name: string;
  /** The model in use; the prompt must have been made for it. */
  readonly model: Model;
  /** Takes an adapter whose configuration names its base model otherwise. */
  readonly trustBaseModel?: boolean;
}

/** Beside an adapter; other programs do not look at it. */
const ASKED_FILE = "foreword.json";
const MAX_TOKENS = 4096;
const MAX_CONFIG_BYTES = 2 ** 20;
/** A prompt's folder of a store has its whole record there, with the curves of its training. */
const MAX_ASKED_BYTES = 2 ** 24;
/** Text of base64 is a third longer than its bytes. */
const MAX_FILE_BYTES = 2 ** 28;

/**
 * Reads a PEFT adapter folder, a SPRING `.pt` file, or a vLLM `prompt_embeds` part (base64 text) as a prompt for the model in use. How it is
 * asked is read from the `foreword.json` that our own export puts beside an adapter.
 * @throws RagError file/*, prompt/invalid, prompt/mismatch naming both models or widths, config/invalid (name)
 */
export async function importPrompt(path: string, options: ImportOptions): Promise<LearnedPrompt> {
  checkPromptName(options.name);
  if (existsSync(join(path, "adapter_config.json"))) return importPeft(path, options);
  const bytes = await readSmall(path, MAX_FILE_BYTES);
  return importTensor(bytes, basename(path), options);
}

async function importPeft(folder: string, options: ImportOptions): Promise<LearnedPrompt> {
  const name = basename(folder);
  const raw = await readSmall(join(folder, "adapter_config.json"), MAX_CONFIG_BYTES);
  const weights = join(folder, "adapter_model.safetensors");
  if (!existsSync(weights)) {
    throw new RagError(
      "file/not-found",
      `${name}: expected adapter_model.safetensors beside adapter_config.json, found none; save the adapter with safetensors (pickled .bin files are not read).`,
    );
  }
  const beside = await readBeside(folder);
  const file = openSafetensors(weights);
  try {
    const described = describeAdapter(raw, { ...options, source: name, tensors: file.tensors });
    const about = describe(options, described, { hash: await sha256File(weights), beside });
    return { about, content: contentFromTensors(about, file) };
  } finally {
    file.close();
  }
}

async function readBeside(folder: string): Promise<HowAsked | undefined> {
  const path = join(folder, ASKED_FILE);
  if (!existsSync(path)) return undefined;
  const where = `${basename(folder)}: ${ASKED_FILE}`;
  const raw = await readSmall(path, MAX_ASKED_BYTES);
  return readHowAsked(parseConfig(raw, where), where);
}

function importTensor(bytes: Buffer, source: string, options: ImportOptions): LearnedPrompt {
  const { width } = options.model.config;
  const isZip = bytes.subarray(0, 2).toString("latin1") === "PK";
  const binary = isZip ? bytes : decodeBase64(bytes, source);
  const { shape, data } = readTorchTensor(binary, { source, maxElements: MAX_TOKENS * width });
  const rows = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  if (rows.length !== 2 || rows[1] !== width || rows[0] === 0) {
    throw new RagError(
      "prompt/mismatch",
      `${source}: it holds [${shape.join(", ")}], but virtual tokens for ${options.model.name} are [tokens, ${width}]; import it with the model it was trained for (--model).`,
    );
  }
  if (!data.every(Number.isFinite)) {
    throw new RagError("prompt/invalid", `${source}: it holds NaN or infinity; train it again.`);
  }
  const described: AdapterDescription = {
    method: "prompt-tuning",
    encoder: { kind: "embedding", hiddenSize: 1 },
    virtualTokens: rows[0]!,
    placement: "between",
  };
  return {
    about: describe(options, described, { hash: sha256(bytes), beside: undefined }),
    content: { virtualTokens: data },
  };
}

/** What a file says about the prompt in it. */
export type AdapterDescription = Pick<
  PromptDescription,
  "method" | "encoder" | "virtualTokens" | "lora" | "placement"
>;

function describe(
  options: ImportOptions,
  described: AdapterDescription,
  found: { readonly hash: string; readonly beside: HowAsked | undefined },
): PromptDescription {
  const { name, model } = options;
  const asked = howAsked(described, options, found.beside);
  const { task, placement, template, passages, passagesMax, maxAnswerTokens } = asked;
  return {
    name,
    createdAt: new Date().toISOString(),
    ...described,
    ...(task === "input" ? { task } : {}),
    placement,
    baseModel: baseModelOf(model),
    training: {
      qaHash: found.hash, // of the file: what it was trained on is not told
      examples: 0,
      epochs: 0,
      steps: 0,
      seconds: 0,
      seed: 0,
      learningRate: 0,
      batch: 0,
      passages,
      passagesMax,
      ...(maxAnswerTokens && { maxAnswerTokens }),
      lossCurve: [],
      devCurve: [],
      dev: null,
      isFinished: true,
    },
    template: writeTemplate(template),
    instruction: "",
  };
}

function decodeBase64(bytes: Buffer, source: string): Buffer {
  const text = bytes.toString("latin1").trim();
  if (/^[A-Za-z0-9+/\s]+={0,2}$/.test(text)) return Buffer.from(text, "base64");
  throw new RagError(
    "file/unsupported",
    `${source}: expected a PEFT adapter folder, a .pt file of torch.save, or a prompt_embeds part in base64; found none of these.`,
  );
}

async function readSmall(path: string, maxBytes: number): Promise<Buffer> {
  const name = basename(path);
  try {
    const { size } = await stat(path);
    if (size <= maxBytes) return await readFile(path);
    throw new RagError(
      "file/too-large",
      `${name}: has ${size} bytes, at most ${maxBytes} are read as a prompt.`,
    );
  } catch (cause) {
    if (cause instanceof RagError) throw cause;
    const code = systemCode(cause);
    const isMissing = code === "ENOENT";
    throw new RagError(
      isMissing ? "file/not-found" : "file/unreadable",
      isMissing
        ? `${name}: there is no such file or adapter folder; check the path.`
        : `${name}: cannot be read as a prompt (${code ?? errorMessage(cause)}).`,
      { cause },
    );
  }
}
