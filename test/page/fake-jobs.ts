import { followJob } from "../../pipeline/jobs/follow-job.ts";
import { JobChanges } from "../../pipeline/jobs/job-changes.ts";
import type { JobEvent, JobRecord, JobRequest } from "../../pipeline/jobs/job-record.ts";
import type { Jobs } from "../../pipeline/jobs/jobs.ts";

/** Jobs that run no further than a test says. */
export class FakeJobs
  implements Pick<Jobs, "list" | "get" | "create" | "stop" | "resume" | "follow">
{
  /** Waited for by what a page asks to be started. */
  gate = Promise.resolve();
  /** Event streams that are open now. */
  streams = 0;
  readonly created: JobRequest[] = [];
  readonly #records = new Map<string, JobRecord>();
  readonly #told = new Map<string, JobEvent[]>();
  readonly #changes = new JobChanges();

  add(request: JobRequest, state: JobRecord["state"]): string {
    const id = `job-${String(this.#records.size).padStart(4, "0")}`;
    this.#records.set(id, {
      id,
      request,
      state,
      createdAt: new Date(0).toISOString(),
      endedAt: null,
      starts: 0,
      crashes: 0,
      result: null,
      error: null,
    });
    return id;
  }

  tell(id: string, event: JobEvent): void {
    const told = this.#told.get(id) ?? [];
    this.#told.set(id, [...told, { ...event, number: told.length }]);
    this.#changes.tell(id);
  }

  change(id: string, change: Partial<JobRecord>): JobRecord {
    const job = { ...this.#records.get(id)!, ...change };
    this.#records.set(id, job);
    this.#changes.tell(id);
    return job;
  }

  async list(): Promise<readonly JobRecord[]> {
    return [...this.#records.values()].reverse();
  }

  async get(id: string): Promise<JobRecord> {
    return this.#records.get(id)!;
  }

  async create(request: JobRequest): Promise<JobRecord> {
    this.created.push(request);
    await this.gate;
    return this.get(this.add(request, "waiting"));
  }

  async stop(id: string): Promise<JobRecord> {
    return this.change(id, { state: "stopped" });
  }

  async resume(id: string): Promise<JobRecord> {
    return this.change(id, { state: "waiting" });
  }

  async *follow(id: string, signal: AbortSignal): AsyncGenerator<JobEvent, void> {
    this.streams++;
    try {
      yield* followJob(
        id,
        {
          changes: this.#changes,
          state: async () => (await this.get(id)).state,
          events: async (from) => {
            const told = this.#told.get(id) ?? [];
            return { events: told.slice(from), end: told.length };
          },
        },
        signal,
      );
    } finally {
      this.streams--;
    }
  }
}
