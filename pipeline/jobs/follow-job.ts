import type { JobChanges } from "./job-changes.ts";
import { isOver, type JobEvent, type JobRecord } from "./job-record.ts";

/** How soon is seen what a job does that another server runs, in milliseconds; of its own jobs a server knows at once. */
const LOOK_MS = 1000;

/** Where a job can be looked at. */
export interface FollowedJob {
  readonly changes: JobChanges;
  /** @throws RagError request/not-found, file/invalid (a damaged record) */
  readonly state: () => Promise<JobRecord["state"]>;
  /** What was told from a place on, 0 at first, and the place where the next begins. */
  readonly events: (
    from: number,
  ) => Promise<{ readonly events: readonly JobEvent[]; readonly end: number }>;
}

/**
 * What a job has told, then what it tells, and its state whenever that is new, until it is over.
 * @throws as what it looks at; the signal's reason
 */
export async function* followJob(
  id: string,
  { changes, state: stateNow, events: eventsFrom }: FollowedJob,
  signal: AbortSignal,
): AsyncGenerator<JobEvent, void> {
  let at = 0;
  let known: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    // Before anything is read, so that nothing comes unseen in between.
    const changed = changes.next(id, LOOK_MS, signal);
    const state = await stateNow();
    const { events, end } = await eventsFrom(at);
    for (const event of events) {
      yield event;
      signal.throwIfAborted();
    }
    at = end;
    if (state !== known) yield { event: "state", state };
    if (isOver(state)) return;
    known = state;
    await changed;
  }
}
