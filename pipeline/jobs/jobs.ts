import { aborted, errorMessage, type Log, RagError } from "../../core/index.ts";
import type { Settings } from "../settings.ts";
import { followJob } from "./follow-job.ts";
import { JobChanges } from "./job-changes.ts";
import { type JobEvent, type JobRecord, type JobRequest, noSuchJob } from "./job-record.ts";
import { JobRunner } from "./job-runner.ts";
import { JobStore } from "./job-store.ts";

/**
 * The store's jobs. Their state is on disk, so they outlive the page that started them and the server: what a server left running goes on
 * when the next one starts. Of several servers on a store one owns the jobs; the others show what is on disk, until it ends.
 */
export class Jobs {
  readonly #settings: Settings;
  readonly #store: JobStore;
  readonly #log: Log;
  readonly #changes = new JobChanges();
  readonly #closing = new AbortController();
  #runner: JobRunner | undefined;
  #owning: Promise<void> | undefined;
  /** Why the jobs cannot be run, where that was tried. */
  #failure: unknown;
  #begun: Promise<void> | undefined;

  constructor(settings: Settings, log: Log) {
    this.#settings = settings;
    this.#store = new JobStore(settings.store);
    this.#log = log;
  }

  /** Goes on with what was under way, as soon as no other server does. */
  async start(): Promise<void> {
    const { damaged } = await this.#store.list();
    for (const id of damaged) this.#log.warn({ job: id }, "a job's record is damaged");
    this.#begun = this.#begin();
    await this.#begun;
  }

  /** Resolves when the jobs run here, when another server does that, or when it failed. */
  #begin(): Promise<void> {
    this.#failure = undefined;
    return new Promise((resolve) => {
      this.#owning = this.#store
        .asOwner(() => this.#own(resolve), {
          signal: this.#closing.signal,
          onWait: () => {
            this.#log.warn({}, "another server runs this store's jobs; waiting for it to end");
            resolve();
          },
        })
        .catch((thrown: unknown) => this.#giveUp(thrown))
        .finally(resolve);
    });
  }

  /** Until the server closes. */
  async #own(onStarted: () => void): Promise<void> {
    const runner = await JobRunner.open({
      settings: this.#settings,
      store: this.#store,
      log: this.#log,
      onChange: (id) => this.#changes.tell(id),
    });
    this.#runner = runner;
    onStarted();
    await aborted(this.#closing.signal);
    await runner.close();
    this.#runner = undefined;
  }

  #giveUp(thrown: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#failure = thrown;
    this.#log.error({ reason: errorMessage(thrown) }, "this store's jobs cannot be run");
  }

  /** The newest first. */
  async list(): Promise<readonly JobRecord[]> {
    return this.#runner?.list() ?? (await this.#store.list()).jobs.reverse();
  }

  /** @throws RagError request/not-found, file/invalid (a damaged record) */
  async get(id: string): Promise<JobRecord> {
    return this.#runner?.get(id) ?? (await this.#store.find(id)) ?? noSuchJob();
  }

  /** {@link JobRunner.create} @throws RagError request/conflict while another server owns the jobs */
  async create(request: JobRequest): Promise<JobRecord> {
    return (await this.#owner()).create(request);
  }

  /** {@link JobRunner.stop} @throws RagError request/conflict while another server owns the jobs */
  async stop(id: string): Promise<JobRecord> {
    await this.get(id);
    return (await this.#owner()).stop(id);
  }

  /** {@link JobRunner.resume} @throws RagError request/conflict while another server owns the jobs */
  async resume(id: string): Promise<JobRecord> {
    await this.get(id);
    return (await this.#owner()).resume(id);
  }

  /**
   * What a job has told, then what it tells, numbered from 0, and its state whenever that is new, until it is over; whichever server runs it.
   * @throws RagError request/not-found, file/invalid (a damaged record); the signal's reason
   */
  follow(id: string, signal: AbortSignal): AsyncGenerator<JobEvent, void> {
    const job = {
      changes: this.#changes,
      state: async () => (await this.get(id)).state,
      events: (from: number) => this.#store.events(id, from),
    };
    return followJob(id, job, signal);
  }

  /** Stops what runs, to be gone on with by the next server. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#owning;
  }

  async #owner(): Promise<JobRunner> {
    // What kept the jobs from being run may be over: a full disk, say. Those who ask at the same time wait for the same try.
    if (this.#failure !== undefined) this.#begun = this.#begin();
    await this.#begun;
    if (this.#runner) return this.#runner;
    if (this.#failure !== undefined) throw this.#failure;
    throw new RagError(
      "request/conflict",
      "another server runs the jobs of these documents; use that one, or stop it.",
    );
  }
}
