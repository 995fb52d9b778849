import { z } from "zod";
import { RagError } from "../../core/index.ts";
import { tuneSettingsJsonSchema } from "../../ptuning/index.ts";
import { fileName } from "../file-name.ts";
import type { Settings } from "../settings.ts";
import type { Workspace } from "../workspace.ts";

/** Questions kept out of training, to be answered before and after. */
const MAX_TEST_QUESTIONS = 200;

const ingestRequest = z.strictObject({
  kind: z.literal("ingest"),
  /** Names of uploaded documents. */
  files: z.array(fileName).min(1).max(10_000),
});
const tuneRequest = z.strictObject({
  kind: z.literal("tune"),
  /** Name of an uploaded question file. */
  questions: fileName,
  /** As of `foreword tune`; `name` is the prompt's. */
  settings: z.record(z.string().max(64), z.union([z.string().max(4096), z.number(), z.boolean()])),
  testQuestions: z.int().min(0).max(MAX_TEST_QUESTIONS).default(24),
});

/** What a job is asked to do. */
export const jobRequestSchema = z.discriminatedUnion("kind", [ingestRequest, tuneRequest]);
export type JobRequest = z.infer<typeof jobRequestSchema>;
export type IngestRequest = z.infer<typeof ingestRequest>;
export type TuneRequest = z.infer<typeof tuneRequest>;

/** What a training can be asked for, with defaults and ranges, as JSON Schema: what a form needs. */
export function tuneRequestJsonSchema(): Readonly<Record<string, unknown>> {
  const { properties, ...request } = z.toJSONSchema(tuneRequest, { io: "input" });
  return { ...request, properties: { ...properties, settings: tuneSettingsJsonSchema() } };
}

/**
 * "waiting" for its turn; "running"; "stopped" by its user, who can resume it; and the two ends. A server that closes leaves what runs
 * "waiting" for the next one: what is "running" without a server was cut off.
 */
export const JOB_STATES = ["waiting", "running", "stopped", "done", "failed"] as const;

/** Whether nothing more is to come of a job that nobody resumes. */
export const isOver = (state: JobRecord["state"]): boolean =>
  state !== "waiting" && state !== "running";

/** @throws RagError request/not-found */
export function noSuchJob(): never {
  throw new RagError("request/not-found", "there is no job with this id; see GET /api/jobs.");
}

/** Also the name of the job's folder. */
export const JOB_ID = /^[0-9a-z-]{8,64}$/;

/** `job.json`. */
export const jobRecordSchema = z.strictObject({
  id: z.string().regex(JOB_ID),
  request: jobRequestSchema,
  state: z.enum(JOB_STATES),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  /** How often it was started. */
  starts: z.int().min(0),
  /** How many servers ended without a goodbye while it ran, since its user last let it go on. */
  crashes: z.int().min(0).default(0),
  result: z.unknown().nullable(),
  error: z.string().nullable(),
});
export type JobRecord = z.infer<typeof jobRecordSchema>;

/** Of an ingest's result, which files it refused. */
export const ingestFailuresSchema = z.object({
  documents: z.object({ failed: z.array(z.object({ source: z.string(), reason: z.string() })) }),
});

/** What a job tells while it runs; plain JSON with a name. */
export interface JobEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A job as it is asked for and told between server and child. */
export type ChildMessage =
  | { readonly kind: "event"; readonly event: JobEvent }
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "error"; readonly message: string };

/** What a job works with, in its own process. */
export interface JobRun {
  readonly settings: Settings;
  readonly workspace: Workspace;
  readonly signal: AbortSignal;
  readonly tell: (event: JobEvent) => void;
}
