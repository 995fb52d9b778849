import { existsSync } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  errorMessage,
  RagError,
  systemCode,
  systemReason,
  temporaryPath,
  withFileLock,
} from "../core/index.ts";
import {
  type LearnedPrompt,
  type PromptBytes,
  readPromptBytes,
  readPromptFolder,
  readPromptRecord,
  readRecordText,
  readTrainingState,
  type TrainingState,
  writePromptFolder,
} from "./prompt-file.ts";
import { checkPromptName, type PromptRecord } from "./prompt-record.ts";

/** A prompt of the store, or why it cannot be used. */
export type ListedPrompt =
  | { readonly name: string; readonly record: PromptRecord }
  | { readonly name: string; readonly problem: string };

/** A crashed owner's lock is free again after ten seconds. */
const LOCK_WAIT_MS = 30_000;
/** A prompt can be replaced while it is read; then it is read again, this often at most. */
const READ_ATTEMPTS = 10;

/**
 * Saves a finished prompt as `STORE/prompts/NAME/`, replacing one of that name. The new folder is complete before it takes
 * the name, so a process killed at any moment leaves the old prompt or the new one; the next save clears its rest. A
 * checkpoint of that name goes.
 * @throws RagError config/invalid (name), file/locked, file/write-failed
 */
export async function savePrompt(
  store: string,
  prompt: LearnedPrompt,
  training?: TrainingState,
): Promise<void> {
  await save(placesOf(store, prompt.about.name), prompt, training);
  await removeFolder(checkpointPlacesOf(store, prompt.about.name));
}

/**
 * Saves a prompt whose training goes on as `STORE/training/NAME/`, safely as {@link savePrompt}. A finished prompt of that name stays,
 * and is the one that is used, until the training has ended.
 * @throws RagError as {@link savePrompt}
 */
export const saveCheckpoint = (
  store: string,
  prompt: LearnedPrompt,
  training: TrainingState,
): Promise<void> => save(checkpointPlacesOf(store, prompt.about.name), prompt, training);

async function save(
  places: Places,
  prompt: LearnedPrompt,
  training: TrainingState | undefined,
): Promise<void> {
  await withLock(places, async () => {
    await recover(places);
    const fresh = temporaryPath(places.folder);
    try {
      await writePromptFolder(fresh, prompt, training);
      await replace(places, fresh);
    } catch (cause) {
      await rm(fresh, { recursive: true, force: true });
      throw isOfTheDisk(cause) ? writeFailed(prompt.about.name, cause) : cause;
    }
  });
}

/** What is wrong is the disk, not the prompt. */
const isOfTheDisk = (cause: unknown): boolean =>
  !(cause instanceof RagError) || cause.code === "file/write-failed";

/**
 * Loads and checks a prompt; one whose training has not ended as its last checkpoint has it.
 * @throws RagError prompt/not-found, prompt/invalid, config/invalid (name)
 */
export function loadPrompt(store: string, name: string): Promise<LearnedPrompt> {
  return read(store, name, USE, (folder) => readPromptFolder(folder, name));
}

/** As {@link loadPrompt}, but the checkpoint before a finished prompt. @throws RagError as {@link loadPrompt} */
export function loadPromptInTraining(store: string, name: string): Promise<LearnedPrompt> {
  return read(store, name, TRAINING, (folder) => readPromptFolder(folder, name));
}

/**
 * A prompt and the state to resume its training from, which is undefined when it was not saved: of the checkpoint, or of the finished
 * prompt where there is none. @throws RagError as {@link loadPrompt}
 */
export function loadTraining(
  store: string,
  name: string,
): Promise<{ readonly saved: LearnedPrompt; readonly state: TrainingState | undefined }> {
  return read(store, name, TRAINING, async (folder) => ({
    saved: await readPromptFolder(folder, name),
    state: await readTrainingState(folder, name),
  }));
}

/** How large the prompt is that {@link loadPrompt} loads. @throws RagError as {@link loadPrompt} */
export function promptBytes(store: string, name: string): Promise<PromptBytes> {
  return read(store, name, USE, (folder) => readPromptBytes(folder, name));
}

/** Whether the store has a prompt of this name, sound or not, finished or not. @throws RagError config/invalid (name) */
export const hasPrompt = (store: string, name: string): boolean =>
  folderOf(store, name, USE) !== undefined;

/** The store's prompts by name; a damaged one is listed with its problem. Tensors are not read. */
export async function listPrompts(store: string): Promise<readonly ListedPrompt[]> {
  const listed: ListedPrompt[] = [];
  for (const name of await promptNames(store)) {
    try {
      const record = await read(store, name, USE, (folder) => readPromptRecord(folder, name));
      listed.push({ name, record });
    } catch (thrown) {
      listed.push({ name, problem: errorMessage(thrown) });
    }
  }
  return listed;
}

/**
 * Deletes a prompt and its checkpoint, at once for every reader, and the passages that its training keeps; these may be all there is, of a
 * training that was killed before its first checkpoint.
 * @throws RagError prompt/not-found, file/write-failed
 */
export async function removePrompt(store: string, name: string): Promise<void> {
  if (!hasPrompt(store, name) && !existsSync(passageFolderPath(store, name))) {
    throw await notFound(store, name);
  }
  try {
    // The checkpoint first: it would stand in for the prompt.
    await removeFolder(checkpointPlacesOf(store, name));
    await removeFolder(placesOf(store, name));
    await rm(passageFolderPath(store, name), { recursive: true, force: true });
  } catch (cause) {
    throw writeFailed(name, cause);
  }
}

async function removeFolder(places: Places): Promise<void> {
  if (currentFolder(places) === undefined) return;
  await withLock(places, async () => {
    await recover(places);
    const doomed = temporaryPath(places.folder);
    await rename(places.folder, doomed);
    await rm(doomed, { recursive: true, force: true });
  });
}

/** Where a training keeps passages' keys and values on disk: beside its checkpoint, so that a resumed run finds them. */
export const passageFolderPath = (store: string, name: string): string =>
  join(store, "training", `.${name}.passages`);

/**
 * Gives a finished prompt another name, replacing one that has it. A checkpoint of the new name goes.
 * @throws RagError prompt/not-found, file/write-failed, file/locked
 */
export async function renamePrompt(store: string, name: string, newName: string): Promise<void> {
  const [from, to] = [placesOf(store, name), placesOf(store, newName)];
  if (currentFolder(from) === undefined) throw await notFound(store, name);
  await withLock(from, () =>
    withLock(to, async () => {
      try {
        await recover(from);
        await recover(to);
        // First: left by a process that is killed in between, it would be taken for a later training of the prompt.
        await removeFolder(checkpointPlacesOf(store, newName));
        await replace(to, from.folder);
      } catch (cause) {
        throw writeFailed(newName, cause);
      }
    }),
  );
}

interface Places {
  readonly parent: string;
  readonly folder: string;
  /** Where the old folder stands for the moment between the two renames of a replacement. */
  readonly replaced: string;
}

const placesOf = (store: string, name: string): Places => placesIn(join(store, "prompts"), name);

const checkpointPlacesOf = (store: string, name: string): Places =>
  placesIn(join(store, "training"), name);

/** Where a prompt is looked for, in this order: to be used, and to train it further. */
type Order = readonly ((store: string, name: string) => Places)[];
const USE: Order = [placesOf, checkpointPlacesOf];
const TRAINING: Order = [checkpointPlacesOf, placesOf];

function placesIn(parent: string, name: string): Places {
  checkPromptName(name);
  return { parent, folder: join(parent, name), replaced: join(parent, `.${name}.replaced`) };
}

function withLock<Result>({ folder, parent }: Places, work: () => Promise<Result>) {
  return withFileLock(join(parent, `.${basename(folder)}`), { waitMs: LOCK_WAIT_MS }, work);
}

/** Where the prompt is now; after a crash between the two renames, that is the old folder's other place. */
function currentFolder({ folder, replaced }: Places): string | undefined {
  return [folder, replaced, folder].find((path) => existsSync(path));
}

function folderOf(store: string, name: string, order: Order): string | undefined {
  const folders = order.map((places) => currentFolder(places(store, name)));
  return folders.find((folder) => folder !== undefined);
}

/** Under the lock: finishes or undoes what a killed process left. */
async function recover({ parent, folder, replaced }: Places): Promise<void> {
  if (existsSync(folder)) await rm(replaced, { recursive: true, force: true });
  else if (existsSync(replaced)) await rename(replaced, folder);
  const prefix = `.${basename(folder)}.`;
  for (const entry of await readdir(parent)) {
    const isOurs =
      entry.startsWith(prefix) && /^[0-9a-f]{12}\.tmp$/.test(entry.slice(prefix.length));
    if (isOurs) await rm(join(parent, entry), { recursive: true, force: true });
  }
}

async function replace({ folder, replaced }: Places, fresh: string): Promise<void> {
  if (!existsSync(folder)) return rename(fresh, folder);
  await rename(folder, replaced);
  try {
    await rename(fresh, folder);
  } catch (cause) {
    await rename(replaced, folder);
    throw cause;
  }
  await rm(replaced, { recursive: true, force: true });
}

/**
 * Reads a folder that is not replaced meanwhile. What fails on one that stands as it stood is damaged, and is not read again: of a whole
 * model that would be gigabytes.
 */
async function read<Result>(
  store: string,
  name: string,
  order: Order,
  from: (folder: string) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
    const before = await standing(store, name, order);
    if (before === undefined) throw await notFound(store, name);
    const isReplaced = async () => !isDeepStrictEqual(before, await standing(store, name, order));
    try {
      const result = await from(before.folder);
      if (!(await isReplaced())) return result;
    } catch (thrown) {
      const isDamaged = thrown instanceof RagError && thrown.code === "prompt/invalid";
      if (!isDamaged || !(await isReplaced())) throw thrown;
    }
  }
  throw replacedMeanwhile(name);
}

/** Where a prompt is, and what tells it from another one that takes its place: a save is a new folder with a new record. */
interface Standing {
  readonly folder: string;
  /** Of the folder itself; like the record undefined where it cannot be read, as whoever reads the prompt then tells. */
  readonly id: bigint | undefined;
  readonly record: string | undefined;
}

async function standing(store: string, name: string, order: Order): Promise<Standing | undefined> {
  const folder = folderOf(store, name, order);
  if (folder === undefined) return undefined;
  const [id, record] = await Promise.all([
    stat(folder, { bigint: true }).then(
      ({ ino }) => ino,
      () => undefined,
    ),
    readRecordText(folder, name).catch(() => undefined),
  ]);
  return { folder, id, record };
}

/** Names of prompt folders, also of one that a crash left in its other place, and of checkpoints. */
async function promptNames(store: string): Promise<readonly string[]> {
  const entries = [...(await entriesOf(store, "prompts")), ...(await entriesOf(store, "training"))];
  const names = entries.map((entry) => /^\.(.+)\.replaced$/.exec(entry)?.[1] ?? entry);
  return [...new Set(names)].filter((name) => !name.startsWith(".")).sort();
}

async function entriesOf(store: string, folder: string): Promise<readonly string[]> {
  try {
    return await readdir(join(store, folder));
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT") return [];
    throw new RagError(
      "file/unreadable",
      `store/${folder}: cannot be read (${systemReason(cause)}); it has to be a folder that may be listed, check its permissions.`,
      { cause },
    );
  }
}

async function notFound(store: string, name: string): Promise<RagError> {
  const names = await promptNames(store);
  const known = names.length === 0 ? "there are none yet" : `there are: ${names.join(", ")}`;
  return new RagError(
    "prompt/not-found",
    `prompt "${name}": the store has no learned prompt of this name (${known}); train one with \`foreword tune\`.`,
  );
}

function replacedMeanwhile(name: string): RagError {
  return new RagError(
    "file/locked",
    `prompt "${name}": another process replaced it each of the ${READ_ATTEMPTS} times it was read; try again.`,
  );
}

function writeFailed(name: string, thrown: unknown): RagError {
  const cause = thrown instanceof RagError ? (thrown.cause ?? thrown) : thrown;
  return new RagError(
    "file/write-failed",
    `prompt "${name}": its folder could not be changed (${systemReason(cause)}); check free space and permissions. The prompt is as it was.`,
    { cause },
  );
}
