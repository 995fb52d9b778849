import { appendFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type FileLockOptions,
  parseWith,
  RagError,
  systemCode,
  withFileLock,
  writeFileAtomic,
} from "../../core/index.ts";
import { JOB_ID, type JobEvent, type JobRecord, jobRecordSchema } from "./job-record.ts";

const RECORD = "job.json";
const EVENTS = "events.jsonl";
const OWNER = ".owner";

/** Jobs on disk: `jobs/ID/job.json`, and what each told in `events.jsonl` beside it. */
export class JobStore {
  readonly #folder: string;

  constructor(storeFolder: string) {
    this.#folder = join(storeFolder, "jobs");
  }

  /** Runs `work` as the one process that runs this store's jobs; waits for another until `signal` ends. */
  asOwner(
    work: () => Promise<void>,
    options: Pick<FileLockOptions, "onWait" | "onLost" | "signal">,
  ): Promise<void> {
    return withFileLock(join(this.#folder, OWNER), { ...options, waitMs: Infinity }, work);
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

  async save(job: JobRecord): Promise<void> {
    await mkdir(join(this.#folder, job.id), { recursive: true });
    await writeFileAtomic(join(this.#folder, job.id, RECORD), JSON.stringify(job));
  }

  async append(id: string, event: JobEvent): Promise<void> {
    await appendFile(join(this.#folder, id, EVENTS), `${JSON.stringify(event)}\n`);
  }

  /** What a job has told so far; half a line at the end, from a crash, is left out. */
  async events(id: string): Promise<JobEvent[]> {
    const text = await readText(join(this.#folder, id, EVENTS));
    return (text ?? "").split("\n").flatMap((line) => {
      const event = parseLine(line);
      return event ? [event] : [];
    });
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }

  async #ids(): Promise<string[]> {
    try {
      // A system puts files of its own into folders.
      return (await readdir(this.#folder)).filter((name) => JOB_ID.test(name));
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return [];
      throw cause;
    }
  }

  async #read(id: string): Promise<JobRecord> {
    const text = await readText(join(this.#folder, id, RECORD));
    const raw = parseLine(text ?? "");
    return parseWith(jobRecordSchema, raw, `job ${id}`, "file/invalid");
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw cause;
  }
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
