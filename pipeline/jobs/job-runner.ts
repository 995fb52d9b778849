import { randomUUID } from "node:crypto";
import { errorMessage, type Log, RagError } from "../../core/index.ts";
import type { Settings } from "../settings.ts";
import { runJob } from "./job-process.ts";
import { isOver, type JobEvent, type JobRecord, type JobRequest, noSuchJob } from "./job-record.ts";
import type { JobStore } from "./job-store.ts";

/** A job during which this many servers ended without a goodbye is not started by itself again: it may be what ends them. */
const MAX_CRASHES = 3;
/** Jobs that may wait beside the one that runs: each is kept in memory with the names of its files. */
const MAX_WAITING = 50;
/** Ended jobs that are kept; what they made stays without them. */
const MAX_ENDED = 100;

export interface JobRunnerParts {
  readonly settings: Settings;
  readonly store: JobStore;
  readonly log: Log;
  /** Called when there is something new about a job: its state, or what it tells. */
  readonly onChange: (id: string) => void;
}

/** One job under way. */
interface Running {
  readonly id: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Runs the jobs of a store, of which this process is the owner: one at a time, the others wait. What is asked of a job counts when it is on
 * disk, one change after the other, so that the next owner knows it however this one ends.
 */
export class JobRunner {
  readonly #parts: JobRunnerParts;
  readonly #jobs: Map<string, JobRecord>;
  #saved: Promise<unknown> = Promise.resolve();
  #running: Running | undefined;
  #isClosing = false;

  private constructor(parts: JobRunnerParts, jobs: readonly JobRecord[]) {
    this.#parts = parts;
    this.#jobs = new Map(jobs.map((job) => [job.id, job]));
  }

  /** Goes on with what was under way. @throws RagError file/write-failed */
  static async open(parts: JobRunnerParts): Promise<JobRunner> {
    const { jobs } = await parts.store.list();
    const runner = new JobRunner(parts, jobs);
    for (const job of jobs) if (job.state === "running") await runner.#takeUp(job);
    await runner.#removeOld();
    runner.#startNext();
    return runner;
  }

  /** The newest first. */
  list(): readonly JobRecord[] {
    return [...this.#jobs.values()].reverse();
  }

  /** @throws RagError request/not-found */
  get(id: string): JobRecord {
    return this.#jobs.get(id) ?? noSuchJob();
  }

  /** @throws RagError server/busy where too many wait, file/write-failed */
  async create(request: JobRequest): Promise<JobRecord> {
    const job: JobRecord = {
      id: `${Date.now().toString(36)}-${randomUUID().slice(0, 8)}`,
      request,
      state: "waiting",
      createdAt: new Date().toISOString(),
      endedAt: null,
      starts: 0,
      crashes: 0,
      result: null,
      error: null,
    };
    await this.#inTurn(() => {
      this.#requireRoom();
      return this.#save(job);
    });
    this.#startNext();
    return job;
  }

  /** Stops a job that runs or waits; it can be resumed. @throws RagError request/not-found, file/write-failed */
  async stop(id: string): Promise<JobRecord> {
    // Before its process is asked: were this one to end meanwhile, the next would start the job again.
    await this.#change(id, ({ state }) =>
      isOver(state) ? undefined : { state: "stopped", endedAt: now() },
    );
    if (this.#running?.id === id) {
      this.#running.controller.abort();
      await this.#running.ended;
    }
    return this.get(id);
  }

  /** Lets a job that was stopped or failed go on. @throws RagError request/not-found, request/conflict in any other state, server/busy where too many wait, file/write-failed */
  async resume(id: string): Promise<JobRecord> {
    const job = await this.#change(id, ({ state }) => {
      if (state === "stopped" || state === "failed") {
        this.#requireRoom();
        return { state: "waiting", endedAt: null, crashes: 0, error: null };
      }
      throw new RagError("request/conflict", `this job is ${state}; only a stopped one can go on.`);
    });
    this.#startNext();
    return job;
  }

  #requireRoom(): void {
    const waiting = this.list().filter(({ state }) => state === "waiting").length;
    if (waiting < MAX_WAITING) return;
    throw new RagError(
      "server/busy",
      `${waiting} jobs are waiting already, as many as may; stop some of them, or try again when some have ended.`,
    );
  }

  /** Stops what runs, to be gone on with by the next owner. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#running?.controller.abort();
    await this.#running?.ended;
    await this.#saved;
  }

  /** Decides about a job whose server ended without a goodbye. */
  async #takeUp({ id, crashes: earlier }: JobRecord): Promise<void> {
    const crashes = earlier + 1;
    const { log } = this.#parts;
    if (crashes < MAX_CRASHES) {
      log.warn({ job: id, crashes }, "the server ended during this job; it goes on");
      await this.#change(id, () => ({ state: "waiting", crashes }));
      return;
    }
    log.error({ job: id, crashes }, "the server ended during this job too often; it is given up");
    const error = `the server ended ${crashes} times while this job ran, so it is not started by itself again; resume it to try again.`;
    await this.#change(id, () => ({ state: "failed", crashes, error, endedAt: now() }));
  }

  #startNext(): void {
    if (this.#running || this.#isClosing) return;
    const next = [...this.#jobs.values()].find(({ state }) => state === "waiting");
    if (!next) return;
    const { id } = next;
    const controller = new AbortController();
    const ended = this.#run(id, controller.signal)
      .catch((thrown: unknown) =>
        this.#parts.log.error({ job: id, reason: errorMessage(thrown) }, "a job's state was lost"),
      )
      .finally(() => {
        this.#running = undefined;
        this.#startNext();
        return this.#removeOld();
      });
    this.#running = { id, controller, ended };
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    let told = Promise.resolve();
    try {
      const job = await this.#change(id, ({ state, starts }) =>
        state === "waiting" ? { state: "running", starts: starts + 1 } : undefined,
      );
      // Its user was quicker.
      if (job.state !== "running") return;
      let number = (await this.#parts.store.events(id)).events.length;
      const onEvent = (event: JobEvent) => {
        const numbered = { ...event, number: number++ };
        told = told.then(() => this.#append(id, numbered));
      };
      const order = {
        settings: this.#parts.settings,
        request: job.request,
        isResumed: job.starts > 1,
      };
      const result = await runJob(order, onEvent, signal);
      await told;
      await this.#end(id, { state: "done", result });
    } catch (thrown) {
      await told;
      // Its user's word is on disk already; else this server closes, and the next goes on.
      if (signal.aborted) await this.#change(id, runningToWaiting);
      else await this.#end(id, { state: "failed", error: errorMessage(thrown) });
    }
  }

  /** A line of progress that cannot be kept is no reason to end what it tells of. */
  async #append(id: string, event: JobEvent): Promise<void> {
    const { store, log, onChange } = this.#parts;
    try {
      await store.append(id, event);
      onChange(id);
    } catch (thrown) {
      log.warn({ job: id, reason: errorMessage(thrown) }, "an event was not saved");
    }
  }

  async #end(id: string, change: Partial<JobRecord>): Promise<void> {
    const end = { ...change, endedAt: now() };
    try {
      await this.#change(id, () => end);
    } catch (thrown) {
      // It has ended all the same: here it is not started again.
      this.#keep({ ...this.get(id), ...end });
      throw thrown;
    }
  }

  /** Saves what `change` makes of a job before it counts; nothing where that is undefined. */
  #change(
    id: string,
    change: (job: JobRecord) => Partial<JobRecord> | undefined,
  ): Promise<JobRecord> {
    return this.#inTurn(async () => {
      const job = this.get(id);
      const changed = change(job);
      return changed ? this.#save({ ...job, ...changed }) : job;
    });
  }

  async #save(job: JobRecord): Promise<JobRecord> {
    await this.#parts.store.save(job);
    this.#keep(job);
    return job;
  }

  #keep(job: JobRecord): void {
    this.#jobs.set(job.id, job);
    this.#parts.onChange(job.id);
  }

  /** One after the other: what is written late would else be read as the newest. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#saved.then(work);
    this.#saved = result.catch(() => {});
    return result;
  }

  #removeOld(): Promise<void> {
    return this.#inTurn(async () => {
      const ended = this.list().filter(
        ({ state, id }) => isOver(state) && this.#running?.id !== id,
      );
      ended.sort((a, b) => (b.endedAt ?? "").localeCompare(a.endedAt ?? ""));
      for (const { id } of ended.slice(MAX_ENDED)) await this.#remove(id);
    });
  }

  async #remove(id: string): Promise<void> {
    const { store, log, onChange } = this.#parts;
    try {
      await store.remove(id);
      this.#jobs.delete(id);
      onChange(id);
    } catch (thrown) {
      log.warn({ job: id, reason: errorMessage(thrown) }, "an old job was not removed");
    }
  }
}

const now = (): string => new Date().toISOString();

const runningToWaiting = ({ state }: JobRecord): Partial<JobRecord> | undefined =>
  state === "running" ? { state: "waiting" } : undefined;
