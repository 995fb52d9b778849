import { cp, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  errorMessage,
  parseWith,
  RagError,
  sha256,
  sha256File,
  systemCode,
  systemReason,
  writeFileAtomic,
} from "../core/index.ts";
import { openSafetensors, type WeightFile, writeSafetensors } from "../runtime/index.ts";
import { peftConfig } from "./peft-config.ts";
import {
  type PromptDescription,
  type PromptFileName,
  type PromptRecord,
  promptRecordSchema,
  toRecord,
} from "./prompt-record.ts";
import {
  contentFromTensors,
  contentToTensors,
  type PromptContent,
  tensorFileName,
} from "./prompt-tensors.ts";
import type { TensorData, TensorMap } from "./trainable.ts";

/** A trained prompt in memory. */
export interface LearnedPrompt {
  readonly about: PromptDescription;
  readonly content: PromptContent;
}

/** Where training stands, so that it can go on exactly. */
export interface TrainingState {
  /** What the encoder or tensor group saved; nothing, as of the optimizer, where a whole model's training has ended. */
  readonly parameters: TensorMap;
  readonly optimizer: TensorMap;
  /** The trainer's own state (step, epoch, random state, …), plain JSON that the trainer checks itself. */
  readonly progress: unknown;
}

/** Bytes of a prompt's files: those that answering needs, and those that its training goes on from. */
export interface PromptBytes {
  readonly prompt: number;
  readonly training: number;
}

const RECORD = "foreword.json";
const TRAINING = "training/";
const STATE = `${TRAINING}state.safetensors`;
const PROGRESS = `${TRAINING}progress.json`;
/** A model of its own, as "full" trains it. */
const MODEL = "model";
const MODEL_WEIGHTS = "model/model.safetensors";
const MODEL_FILES = [
  MODEL_WEIGHTS,
  "model/config.json",
  "model/tokenizer.json",
  "model/tokenizer_config.json",
  "model/chat_template.jinja",
] as const;
const MAX_JSON_BYTES = 64 * 2 ** 20;
/** The training state of a whole model holds its weights three times. */
const MAX_TENSOR_BYTES = 16 * 2 ** 30;

/** Writes all files of a prompt into `folder`; the record, which vouches for the others, comes last. */
export async function writePromptFolder(
  folder: string,
  prompt: LearnedPrompt,
  training?: TrainingState,
): Promise<void> {
  const { about, content } = prompt;
  const files: PromptRecord["files"] = {};
  if ("model" in content) {
    await content.model.write(join(folder, MODEL));
    for (const file of await modelFiles(folder)) files[file] = await sha256File(join(folder, file));
  } else {
    const tensorFile = tensorFileName(about.method);
    await writeSafetensors(join(folder, tensorFile), contentToTensors(about, content), {
      format: "pt",
    });
    files[tensorFile] = await sha256File(join(folder, tensorFile));
  }
  const config = peftConfig(about);
  if (config !== undefined) {
    files["adapter_config.json"] = await writeJson(join(folder, "adapter_config.json"), config);
  }
  if (training !== undefined) {
    const tensors = joinState(training);
    if (tensors.size > 0) {
      await writeSafetensors(join(folder, STATE), tensors);
      files[STATE] = await sha256File(join(folder, STATE));
    }
    files[PROGRESS] = await writeJson(join(folder, PROGRESS), training.progress);
  }
  const record = parseWith(promptRecordSchema, toRecord(about, files), RECORD, "internal");
  await writeJson(join(folder, RECORD), record);
}

/** The record alone. `name`: as the user calls the prompt. @throws RagError prompt/invalid */
export async function readPromptRecord(folder: string, name: string): Promise<PromptRecord> {
  const raw = await readJson(folder, RECORD, name);
  const record = parseWith(
    promptRecordSchema,
    raw,
    `prompt "${name}": ${RECORD}`,
    "prompt/invalid",
  );
  return { ...record, name }; // a folder may have been renamed
}

/** The record as stored; another text means that the prompt was replaced. @throws RagError prompt/invalid */
export function readRecordText(folder: string, name: string): Promise<string> {
  return readText(folder, RECORD, name);
}

/** Reads and checks a prompt. @throws RagError prompt/invalid when a file is missing, damaged or does not fit */
export async function readPromptFolder(folder: string, name: string): Promise<LearnedPrompt> {
  const { format: _, version: __, files, ...about } = await readPromptRecord(folder, name);
  if (about.method === "full") return { about, content: await readOwnModel(folder, name, files) };
  const content = await withTensorFile(
    { folder, name, file: tensorFileName(about.method), files },
    (tensors) => contentFromTensors(about, tensors),
  );
  return { about, content };
}

async function readOwnModel(
  folder: string,
  name: string,
  files: PromptRecord["files"],
): Promise<PromptContent> {
  for (const file of MODEL_FILES) {
    if (files[file] !== undefined) await checkSum({ folder, name, file, files });
  }
  const sha = files[MODEL_WEIGHTS];
  if (sha === undefined) throw damaged(name, RECORD, `it has no checksum of ${MODEL_WEIGHTS}`);
  const write = (target: string) => cp(join(folder, MODEL), target, { recursive: true });
  return { model: { write, saved: { path: join(folder, MODEL_WEIGHTS), sha256: sha } } };
}

/** Those that a model folder has. */
async function modelFiles(folder: string): Promise<readonly PromptFileName[]> {
  const there = await readdir(join(folder, MODEL));
  return MODEL_FILES.filter((file) => there.includes(file.slice(MODEL.length + 1)));
}

/** The saved training state, or undefined when the prompt has none. @throws RagError prompt/invalid */
export async function readTrainingState(
  folder: string,
  name: string,
): Promise<TrainingState | undefined> {
  const { files } = await readPromptRecord(folder, name);
  if (files[PROGRESS] === undefined) return undefined;
  const tensors =
    files[STATE] === undefined
      ? new Map<string, TensorData>()
      : await withTensorFile({ folder, name, file: STATE, files }, readAll);
  await checkSum({ folder, name, file: PROGRESS, files });
  const progress = await readJson(folder, PROGRESS, name);
  return {
    parameters: pickGroup(tensors, "parameters/"),
    optimizer: pickGroup(tensors, "optimizer/"),
    progress,
  };
}

/** How large its files are. @throws RagError prompt/invalid when one is missing */
export async function readPromptBytes(folder: string, name: string): Promise<PromptBytes> {
  const { files } = await readPromptRecord(folder, name);
  const bytes = { prompt: 0, training: 0 };
  for (const file of [RECORD, ...Object.keys(files)]) {
    const size = await checkedSize(folder, file, { name, maxBytes: MAX_TENSOR_BYTES });
    bytes[file.startsWith(TRAINING) ? "training" : "prompt"] += size;
  }
  return bytes;
}

interface CheckedFile {
  readonly folder: string;
  readonly name: string;
  readonly file: PromptFileName;
  readonly files: PromptRecord["files"];
}

/** Opens a tensor file after its checksum was found right, and closes it. */
async function withTensorFile<Result>(
  checked: CheckedFile,
  use: (file: WeightFile) => Result,
): Promise<Result> {
  await checkSum(checked);
  const file = asInvalid(checked, () => openSafetensors(join(checked.folder, checked.file)));
  try {
    return asInvalid(checked, () => use(file));
  } finally {
    file.close();
  }
}

/** A damaged tensor file is an invalid prompt to whoever asked for the prompt. */
function asInvalid<Result>({ name, file }: CheckedFile, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof RagError && cause.code === "prompt/invalid") throw cause;
    throw damaged(name, file, errorMessage(cause), cause);
  }
}

async function checkSum({ folder, name, file, files }: CheckedFile): Promise<void> {
  await checkedSize(folder, file, { name, maxBytes: MAX_TENSOR_BYTES });
  const wanted = files[file];
  if (wanted === undefined) throw damaged(name, RECORD, `it has no checksum of ${file}`);
  const found = await sha256File(join(folder, file)).catch((cause: unknown) => {
    throw damaged(name, file, systemCode(cause) ?? "unreadable", cause);
  });
  if (found === wanted) return;
  const digits = `sha256 ${wanted.slice(0, 12)}… was expected, ${found.slice(0, 12)}… found`;
  throw damaged(name, file, digits);
}

async function checkedSize(
  folder: string,
  file: string,
  limit: { readonly name: string; readonly maxBytes: number },
): Promise<number> {
  try {
    const { size } = await stat(join(folder, file));
    if (size > limit.maxBytes) {
      throw damaged(limit.name, file, `${size} bytes, more than ${limit.maxBytes} are not read`);
    }
    return size;
  } catch (cause) {
    if (cause instanceof RagError) throw cause;
    const reason =
      systemCode(cause) === "ENOENT" ? "the file is missing" : (systemCode(cause) ?? "unreadable");
    throw damaged(limit.name, file, reason, cause);
  }
}

function damaged(name: string, file: string, found: string, cause?: unknown): RagError {
  return new RagError(
    "prompt/invalid",
    `prompt "${name}": ${file} is damaged (${found}); restore it from a copy or train the prompt again.`,
    { cause },
  );
}

async function readJson(folder: string, file: string, name: string): Promise<unknown> {
  const text = await readText(folder, file, name);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(name, file, "it is not whole JSON", cause);
  }
}

async function readText(folder: string, file: string, name: string): Promise<string> {
  await checkedSize(folder, file, { name, maxBytes: MAX_JSON_BYTES });
  try {
    return await readFile(join(folder, file), "utf8");
  } catch (cause) {
    throw damaged(name, file, systemReason(cause), cause);
  }
}

/** Writes indented JSON; gives its sha256. */
async function writeJson(path: string, value: unknown): Promise<string> {
  const content = `${JSON.stringify(value, undefined, 1)}\n`;
  await writeFileAtomic(path, content);
  return sha256(content);
}

function joinState({ parameters, optimizer }: TrainingState): TensorMap {
  return new Map([
    ...[...parameters].map(([name, data]): [string, TensorData] => [`parameters/${name}`, data]),
    ...[...optimizer].map(([name, data]): [string, TensorData] => [`optimizer/${name}`, data]),
  ]);
}

function readAll(file: WeightFile): TensorMap {
  return new Map(
    [...file.tensors.values()].map(({ name, shape }) => [
      name,
      { shape, data: file.readF32(name) },
    ]),
  );
}

function pickGroup(tensors: TensorMap, prefix: string): TensorMap {
  return new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}
