import { randomUUID } from "node:crypto";
import { aborted, errorMessage, type Log, RagError } from "../../core/index.ts";
import type { Settings } from "../settings.ts";
import { runJob } from "./job-process.ts";
import type { JobEvent, JobRecord, JobRequest } from "./job-record.ts";
import { JobStore } from "./job-store.ts";

/** A job that has been started this often without an end is not started by itself again. */
const MAX_STARTS = 3;

/** One job under way. */
interface Running {
  readonly id: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/**
 * The store's jobs: one runs at a time, the others wait. Their state is on disk, so they outlive the page that started them and the
 * server: what a server left running goes on when the next one starts. Of several servers on a store one owns the jobs; the others only
 * show them, until it ends.
 */
export class Jobs {
  readonly #settings: Settings;
  readonly #store: JobStore;
  readonly #log: Log;
  readonly #jobs = new Map<string, JobRecord>();
  readonly #listeners = new Map<string, Set<(event: JobEvent) => void>>();
  readonly #closing = new AbortController();
  #running: Running | undefined;
  #owning: Promise<void> | undefined;
  #isOwner = false;

  constructor(settings: Settings, log: Log) {
    this.#settings = settings;
    this.#store = new JobStore(settings.store);
    this.#log = log;
  }

  /** Reads the jobs there are, and goes on with what was under way, as soon as no other server does. */
  async start(): Promise<void> {
    const { damaged } = await this.#read();
    for (const id of damaged) this.#log.warn({ job: id }, "a job's record is damaged");
    await new Promise<void>((resolve) => {
      this.#owning = this.#store
        .asOwner(() => this.#own(resolve), {
          signal: this.#closing.signal,
          onWait: () => {
            this.#log.warn({}, "another server runs this store's jobs; waiting for it to end");
            resolve();
          },
          onLost: () => this.#lose(),
        })
        .catch((thrown: unknown) => this.#giveUp(thrown))
        .finally(resolve);
    });
  }

  async #read() {
    const listed = await this.#store.list();
    for (const job of listed.jobs) this.#jobs.set(job.id, job);
    return listed;
  }

  /** Until the server closes. */
  async #own(onStarted: () => void): Promise<void> {
    const { jobs } = await this.#read();
    for (const { id, starts } of jobs.filter(({ state }) => state === "running")) {
      await this.#change(id, { state: starts >= MAX_STARTS ? "stopped" : "waiting" });
    }
    this.#isOwner = true;
    this.#startNext();
    onStarted();
    await aborted(this.#closing.signal);
    await this.#running?.ended;
  }

  #lose(): void {
    this.#log.error({}, "another server has taken over this store's jobs");
    this.#isOwner = false;
    this.#closing.abort();
    this.#running?.controller.abort();
  }

  #giveUp(thrown: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#log.error({ reason: errorMessage(thrown) }, "this store's jobs cannot be run");
  }

  /** The newest first. */
  list(): readonly JobRecord[] {
    return [...this.#jobs.values()].reverse();
  }

  /** @throws RagError request/not-found */
  get(id: string): JobRecord {
    const job = this.#jobs.get(id);
    if (job) return job;
    throw new RagError("request/not-found", "there is no job with this id; see GET /api/jobs.");
  }

  /** @throws RagError request/conflict while another server owns the jobs, file/write-failed */
  async create(request: JobRequest): Promise<JobRecord> {
    this.#requireOwner();
    const job: JobRecord = {
      id: `${Date.now().toString(36)}-${randomUUID().slice(0, 8)}`,
      request,
      state: "waiting",
      createdAt: new Date().toISOString(),
      endedAt: null,
      starts: 0,
      result: null,
      error: null,
    };
    this.#jobs.set(job.id, job);
    await this.#store.save(job);
    this.#startNext();
    return this.get(job.id);
  }

  /** Stops a job that runs or waits; it can be resumed. @throws RagError request/not-found, request/conflict */
  async stop(id: string): Promise<JobRecord> {
    const { state } = this.get(id);
    this.#requireOwner();
    if (state === "waiting") await this.#change(id, { state: "stopped" });
    if (this.#running?.id === id) {
      this.#running.controller.abort();
      await this.#running.ended;
    }
    return this.get(id);
  }

  /** Lets a job that was stopped or failed go on. @throws RagError request/not-found, request/conflict in any other state */
  async resume(id: string): Promise<JobRecord> {
    const { state } = this.get(id);
    this.#requireOwner();
    if (state !== "stopped" && state !== "failed") {
      throw new RagError("request/conflict", `this job is ${state}; only a stopped one can go on.`);
    }
    await this.#change(id, { state: "waiting", endedAt: null, error: null });
    this.#startNext();
    return this.get(id);
  }

  /** What a job has told so far. */
  events(id: string): Promise<readonly JobEvent[]> {
    this.get(id);
    return this.#store.events(id);
  }

  /** Hears what a job tells from now on, numbered from 0, and its changes of state. Returns how to stop. @throws RagError request/not-found */
  listen(id: string, listener: (event: JobEvent) => void): () => void {
    this.get(id);
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Stops what runs, to be gone on with by the next server. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#running?.controller.abort();
    await this.#owning;
  }

  #requireOwner(): void {
    if (this.#isOwner) return;
    throw new RagError(
      "request/conflict",
      "another server runs the jobs of these documents; use that one, or stop it.",
    );
  }

  #startNext(): void {
    if (this.#running || !this.#isOwner || this.#closing.signal.aborted) return;
    const next = [...this.#jobs.values()].find(({ state }) => state === "waiting");
    if (!next) return;
    const controller = new AbortController();
    const ended = this.#run(next, controller.signal)
      .catch((thrown: unknown) =>
        this.#log.error({ job: next.id, reason: errorMessage(thrown) }, "a job's state was lost"),
      )
      .finally(() => {
        this.#running = undefined;
        this.#startNext();
      });
    this.#running = { id: next.id, controller, ended };
  }

  async #run({ id, request, starts }: JobRecord, signal: AbortSignal): Promise<void> {
    let saved = Promise.resolve();
    try {
      await this.#change(id, { state: "running", starts: starts + 1 });
      let count = (await this.#store.events(id)).length;
      const onEvent = (told: JobEvent) => {
        const event = { ...told, number: count++ };
        // A line of progress that cannot be kept is no reason to end what it tells of.
        saved = saved
          .then(() => this.#store.append(id, event))
          .catch((thrown: unknown) =>
            this.#log.warn({ job: id, reason: errorMessage(thrown) }, "an event was not saved"),
          );
        this.#tell(id, event);
      };
      const order = { settings: this.#settings, request, isResumed: starts > 0 };
      const result = await runJob(order, onEvent, signal);
      await saved;
      await this.#end(id, { state: "done", result });
    } catch (thrown) {
      await saved;
      // A server that closes leaves it "running", which is how the next one knows.
      if (signal.aborted && this.#closing.signal.aborted) return;
      await this.#end(
        id,
        signal.aborted ? { state: "stopped" } : { state: "failed", error: errorMessage(thrown) },
      );
    }
  }

  #end(id: string, change: Partial<JobRecord>): Promise<void> {
    return this.#change(id, { ...change, endedAt: new Date().toISOString() });
  }

  async #change(id: string, change: Partial<JobRecord>): Promise<void> {
    const job = { ...this.get(id), ...change };
    this.#jobs.set(id, job);
    await this.#store.save(job);
    if (change.state !== undefined) this.#tell(id, { event: "state", state: job.state });
  }

  #tell(id: string, event: JobEvent): void {
    for (const listener of this.#listeners.get(id) ?? []) listener(event);
  }
}
