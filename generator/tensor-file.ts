import { type FileHandle, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  systemCode,
  withFileLock,
  writeAtomic,
  writeBytes,
  writeFileAtomic,
} from "../core/index.ts";

const VERSION = 2;
/** Operating systems map files page-wise; ONNX Runtime maps a tensor only where a page begins. */
const ALIGNMENT = 4096;
const LOCK_WAIT_MS = 600_000;

const entrySchema = z.strictObject({
  type: z.enum(["float32", "uint8"]),
  shape: z.array(z.int().nonnegative()),
  offset: z.int().nonnegative(),
  byteLength: z.int().nonnegative(),
});
const manifestSchema = z.strictObject({
  version: z.literal(VERSION),
  byteLength: z.int().nonnegative(),
  entries: z.record(z.string(), entrySchema),
});

/** Where a tensor lies in its file. */
export type TensorEntry = z.infer<typeof entrySchema>;

/** A file that graphs refer to, and what is in it by name. */
export interface TensorFile {
  readonly file: string;
  readonly entries: Readonly<Record<string, TensorEntry>>;
}

/**
 * Opens a file of tensors in `folder`, having `write` fill it first when it is not there; two processes write it once. `name`: of what it holds,
 * without an ending.
 * @throws RagError file/write-failed; what `write` throws; the signal's reason when aborted, between two tensors: then nothing is kept
 */
export async function openTensorFile(options: {
  readonly folder: string;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  readonly write: (writer: TensorWriter) => Promise<void>;
}): Promise<TensorFile> {
  const { signal } = options;
  const name = `${options.name}-v${VERSION}`;
  const binary = join(options.folder, `${name}.bin`);
  const manifest = join(options.folder, `${name}.json`);
  const lock = { waitMs: LOCK_WAIT_MS, ...(signal ? { signal } : {}) };
  const write = async () => {
    const meanwhile = await readManifest(manifest, binary);
    return meanwhile ?? writeTensors({ binary, manifest, signal, write: options.write });
  };
  // A complete file needs no lock, which a folder that may only be read has no room for.
  const known = await readManifest(manifest, binary);
  return { file: `${name}.bin`, entries: known ?? (await withFileLock(manifest, lock, write)) };
}

async function readManifest(
  manifest: string,
  binary: string,
): Promise<TensorFile["entries"] | undefined> {
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(await readFile(manifest, "utf8")));
    const { size } = await stat(binary);
    return parsed.success && parsed.data.byteLength === size ? parsed.data.entries : undefined;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

async function writeTensors(options: {
  readonly binary: string;
  readonly manifest: string;
  readonly signal: AbortSignal | undefined;
  readonly write: (writer: TensorWriter) => Promise<void>;
}): Promise<TensorFile["entries"]> {
  const entries: Record<string, TensorEntry> = {};
  let byteLength = 0;
  await writeAtomic(options.binary, async (handle) => {
    const writer = new TensorWriter(handle, entries, options.signal);
    await options.write(writer);
    byteLength = writer.position;
  }).catch((thrown: unknown) => {
    // An abort is told as what it is, not as a file that could not be written.
    options.signal?.throwIfAborted();
    throw thrown;
  });
  const manifest = { version: VERSION, byteLength, entries };
  await writeFileAtomic(options.manifest, JSON.stringify(manifest));
  return entries;
}

/** Appends tensors to the open file, each on a page of its own, and notes where. */
export class TensorWriter {
  position = 0;
  readonly #handle: FileHandle;
  readonly #entries: Record<string, TensorEntry>;
  readonly #signal: AbortSignal | undefined;

  constructor(
    handle: FileHandle,
    entries: Record<string, TensorEntry>,
    signal: AbortSignal | undefined,
  ) {
    this.#handle = handle;
    this.#entries = entries;
    this.#signal = signal;
  }

  floats(name: string, shape: readonly number[], data: Float32Array): Promise<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.bytes(name, "float32", shape, bytes);
  }

  async bytes(
    name: string,
    type: TensorEntry["type"],
    shape: readonly number[],
    data: Uint8Array,
  ): Promise<void> {
    this.#signal?.throwIfAborted();
    const padding = (ALIGNMENT - (this.position % ALIGNMENT)) % ALIGNMENT;
    await writeBytes(this.#handle, new Uint8Array(padding));
    this.position += padding;
    this.#entries[name] = {
      type,
      shape: [...shape],
      offset: this.position,
      byteLength: data.byteLength,
    };
    await writeBytes(this.#handle, data);
    this.position += data.byteLength;
  }
}
