import { type Request, type Response, Router } from "express";
import { RagError } from "../../core/index.ts";
import { checkPromptName, parseTuneSettings } from "../../ptuning/index.ts";
import {
  ingestFailuresSchema,
  type JobRecord,
  jobRecordSchema,
  jobRequestSchema,
  type TuneRequest,
  tuneRequestJsonSchema,
} from "../jobs/job-record.ts";
import type { Jobs } from "../jobs/jobs.ts";
import { errorBody, logFailure } from "./error-responses.ts";
import { EventStream } from "./event-stream.ts";
import { EVENTS, json, type Operation, object, schemaOf } from "./openapi.ts";
import { parseBody } from "./request-fields.ts";
import type { ServerParts } from "./server-parts.ts";

/** How often a stream is given a sign of life, in milliseconds. */
const BEAT_MS = 20_000;
/** Files named of an ingest in a list, and of those it refused. */
const LISTED_FILES = 100;

/** `/api/jobs`: ingest and training in the background; `/api/tune-request`: what a training can be told. */
export function jobsRoutes(parts: ServerParts, jobs: Jobs): Router {
  const router = Router();
  router.get("/api/jobs", async (_request, response) => {
    response.json({ jobs: (await jobs.list()).map(listed) });
  });
  router.post("/api/jobs", async (request, response) => {
    parts.state.requireReady();
    const asked = parseBody(jobRequestSchema, request.body);
    if (asked.kind === "tune") requireTuneSettings(asked.settings);
    response.status(201).json(await jobs.create(asked));
  });
  router.get("/api/tune-request", (_request, response) => {
    response.json(tuneRequestJsonSchema());
  });
  router.get("/api/jobs/:id", async (request, response) => {
    response.json(await jobs.get(request.params.id));
  });
  router.get("/api/jobs/:id/events", (request, response) =>
    sendEvents(parts, jobs, request, response),
  );
  router.post("/api/jobs/:id/stop", async (request, response) => {
    response.json(await jobs.stop(request.params.id));
  });
  router.post("/api/jobs/:id/resume", async (request, response) => {
    parts.state.requireReady();
    response.json(await jobs.resume(request.params.id));
  });
  return router;
}

/** Wrong settings are refused at once, not when the job's turn comes. @throws RagError request/invalid, config/invalid */
function requireTuneSettings(settings: TuneRequest["settings"]): void {
  const { name } = settings;
  if (typeof name !== "string") {
    throw new RagError("request/invalid", "settings.name: is missing; name the prompt.", {
      param: "settings.name",
    });
  }
  checkPromptName(name);
  parseTuneSettings(settings, "settings");
}

/**
 * Lists stay small: a result holds every compared answer, and an ingest may be of thousands of files, of which one that does not run is known
 * by the first, and by the first that it refused.
 */
function listed({ result, ...job }: JobRecord) {
  const { request, state } = job;
  if (request.kind !== "ingest") return job;
  const files = state === "running" ? request.files : request.files.slice(0, LISTED_FILES);
  const refused = ingestFailuresSchema.safeParse(result).data?.documents.failed ?? [];
  return {
    ...job,
    request: { ...request, files },
    fileCount: request.files.length,
    refused: refused.slice(0, LISTED_FILES),
  };
}

/** Everything the job has told, then what it tells, until it is over, the reader goes, or the server shuts down. */
async function sendEvents(
  { state: server, log }: ServerParts,
  jobs: Jobs,
  request: Request<{ id: string }>,
  response: Response,
): Promise<void> {
  const stream = new EventStream(response);
  const following = new AbortController();
  const onClose = () => following.abort();
  const onDraining = () => following.abort(server.draining.reason);
  response.once("close", onClose);
  server.draining.addEventListener("abort", onDraining, { once: true });
  if (server.draining.aborted) onDraining();
  const beats = setInterval(() => stream.beat(), BEAT_MS);
  try {
    for await (const event of jobs.follow(request.params.id, following.signal)) {
      await stream.send(event, following.signal);
    }
  } catch (thrown) {
    if (response.destroyed) return;
    if (!stream.hasBegun) throw thrown;
    logFailure(log, response, thrown);
    stream.write(errorBody(thrown));
  } finally {
    clearInterval(beats);
    response.off("close", onClose);
    server.draining.removeEventListener("abort", onDraining);
  }
  stream.end();
}

const JOB = json(schemaOf(jobRecordSchema, "output"));
const ID = { name: "id", in: "path", required: true, schema: { type: "string" } };

export const JOB_OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/api/tune-request",
    id: "describeTuneRequest",
    summary: "What a training job can be told, as JSON Schema with defaults and ranges.",
    content: json(object("type", "properties")),
  },
  {
    method: "get",
    path: "/api/jobs",
    id: "listJobs",
    summary:
      "Jobs, the newest first, without results; of an ingest that does not run the first 100 files, and the first 100 it refused.",
    content: json(object("jobs")),
  },
  {
    method: "post",
    path: "/api/jobs",
    id: "createJob",
    summary: "Starts ingesting uploads, or training a prompt.",
    body: jobRequestSchema,
    content: JOB,
    errors: [400, 409, 413, 429],
    success: 201,
  },
  {
    method: "get",
    path: "/api/jobs/{id}",
    id: "readJob",
    summary: "A job with its result.",
    parameters: [ID],
    content: JOB,
    errors: [400, 404],
  },
  {
    method: "get",
    path: "/api/jobs/{id}/events",
    id: "readJobEvents",
    summary: "What a job told and tells, as events.",
    parameters: [ID],
    content: EVENTS,
    errors: [400, 404],
  },
  {
    method: "post",
    path: "/api/jobs/{id}/stop",
    id: "stopJob",
    summary: "Stops a job; it can go on later.",
    parameters: [ID],
    content: JOB,
    errors: [400, 404, 409],
  },
  {
    method: "post",
    path: "/api/jobs/{id}/resume",
    id: "resumeJob",
    summary: "Lets a stopped or failed job go on.",
    parameters: [ID],
    content: JOB,
    errors: [400, 404, 409, 429],
  },
];
