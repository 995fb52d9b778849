import type { JobEvent, JobRecord, JobRequest } from "../../pipeline/jobs/job-record.ts";
import type { Jobs } from "../../pipeline/jobs/jobs.ts";

type Hear = (event: JobEvent) => void;

/** Jobs that run no further than a test says. */
export class FakeJobs
  implements Pick<Jobs, "list" | "get" | "create" | "stop" | "resume" | "events" | "listen">
{
  /** Waited for by what a page asks to be started. */
  gate = Promise.resolve();
  readonly created: JobRequest[] = [];
  readonly #records = new Map<string, JobRecord>();
  readonly #told = new Map<string, JobEvent[]>();
  readonly #listeners = new Map<string, Set<Hear>>();

  add(request: JobRequest, state: JobRecord["state"]): string {
    const id = `job-${String(this.#records.size).padStart(4, "0")}`;
    this.#records.set(id, {
      id,
      request,
      state,
      createdAt: new Date(0).toISOString(),
      endedAt: null,
      starts: 0,
      result: null,
      error: null,
    });
    return id;
  }

  /** Event streams that are open now. */
  get streams(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  tell(id: string, event: JobEvent): void {
    const told = this.#told.get(id) ?? [];
    this.#told.set(id, told);
    this.#hear(id, { ...event, number: told.length });
    told.push({ ...event, number: told.length });
  }

  change(id: string, change: Partial<JobRecord>): JobRecord {
    const job = { ...this.get(id), ...change };
    this.#records.set(id, job);
    this.#hear(id, { event: "state", state: job.state });
    return job;
  }

  list(): readonly JobRecord[] {
    return [...this.#records.values()].reverse();
  }

  get(id: string): JobRecord {
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

  async events(id: string): Promise<readonly JobEvent[]> {
    return [...(this.#told.get(id) ?? [])];
  }

  listen(id: string, listener: Hear): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #hear(id: string, event: JobEvent): void {
    for (const listener of [...(this.#listeners.get(id) ?? [])]) listener(event);
  }
}
