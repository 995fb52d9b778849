import { appendFile, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseWith, RagError, systemCode, writeFileAtomic } from "../../core/index.ts";
import { type StoreLockOptions, withStoreLock } from "../../retriever/index.ts";
import { JOB_ID, type JobEvent, type JobRecord, jobRecordSchema } from "./job-record.ts";

const RECORD = "job.json";
const EVENTS = "events.jsonl";
const NEWLINE = 10;
const NO_BYTES = Buffer.alloc(0);
/** Folders of locks, of the kind that the store's writer has: they end with their process, however it ends. */
const OWNER = ".owner";
const CHILD = ".child";

/** Jobs on disk: `jobs/ID/job.json`, and what each told in `events.jsonl` beside it. */
export class JobStore {
  readonly #folder: string;

  constructor(storeFolder: string) {
    this.#folder = join(storeFolder, "jobs");
  }

  /** Runs `work` as the one process that runs this store's jobs; waits for another until `signal` ends. */
  asOwner(
    work: () => Promise<void>,
    options: Pick<StoreLockOptions, "onWait" | "signal">,
  ): Promise<void> {
    const lock = { ...options, job: "jobs", waitMs: Infinity };
    return withStoreLock(join(this.#folder, OWNER), lock, work);
  }

  /**
   * Runs `work` as the one process that does a job of this store: one whose server was killed may not have noticed yet, and is waited for
   * until `signal` ends.
   */
  asOnlyChild(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const lock = { job: "job", waitMs: Infinity, signal };
    return withStoreLock(join(this.#folder, CHILD), lock, work);
  }

  /** All jobs, the oldest first; one whose record is damaged is left out and named. */
  async list(): Promise<{ readonly jobs: JobRecord[]; readonly damaged: readonly string[] }> {
    const jobs: JobRecord[] = [];
    const damaged: string[] = [];
    for (const id of await this.#ids()) {
      try {
        jobs.push(await this.#read(id));
      } catch (thrown) {
        if (!(thrown instanceof RagError)) throw thrown;
        damaged.push(id);
      }
    }
    jobs.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
    return { jobs, damaged };
  }

  /** Undefined where there is none. @throws RagError file/invalid when its record is damaged */
  async find(id: string): Promise<JobRecord | undefined> {
    return (await this.#ids()).includes(id) ? this.#read(id) : undefined;
  }

  async save(job: JobRecord): Promise<void> {
    await mkdir(join(this.#folder, job.id), { recursive: true });
    await writeFileAtomic(join(this.#folder, job.id, RECORD), JSON.stringify(job));
  }

  async append(id: string, event: JobEvent): Promise<void> {
    await appendFile(join(this.#folder, id, EVENTS), `${JSON.stringify(event)}\n`);
  }

  /**
   * What a job has told, from a byte of the file on, and where the next begins: half a line at the end is left for later, or for ever where
   * a crash left it.
   */
  async events(
    id: string,
    from = 0,
  ): Promise<{ readonly events: JobEvent[]; readonly end: number }> {
    const bytes = (await orNothing(readFrom(join(this.#folder, id, EVENTS), from))) ?? NO_BYTES;
    const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
    const events = whole.toString("utf8").split("\n").flatMap(eventIn);
    return { events, end: from + whole.length };
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }

  async #ids(): Promise<string[]> {
    const names = await orNothing(readdir(this.#folder));
    // A system puts files of its own into folders.
    return (names ?? []).filter((name) => JOB_ID.test(name));
  }

  async #read(id: string): Promise<JobRecord> {
    const text = await orNothing(readFile(join(this.#folder, id, RECORD), "utf8"));
    return parseWith(jobRecordSchema, parseLine(text ?? ""), `job ${id}`, "file/invalid");
  }
}

/** What a file holds from a byte on. */
async function readFrom(path: string, position: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, size - position));
    const { bytesRead } = await file.read({ buffer, position });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Undefined for a file or folder that is not there. */
async function orNothing<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw cause;
  }
}

function eventIn(line: string): JobEvent[] {
  const event = parseLine(line);
  return event ? [event] : [];
}

function parseLine(line: string): JobEvent | undefined {
  if (line.trim() === "") return undefined;
  try {
    return JSON.parse(line) as JobEvent;
  } catch {
    // Written half, when the process was killed.
    return undefined;
  }
}
