import { Router } from "express";
import { z } from "zod";
import { fileName } from "../file-name.ts";
import { listUploads, requireUploadSize, saveUpload, UPLOAD_KINDS } from "../uploads.ts";
import { json, type Operation, object } from "./openapi.ts";
import { parseBody } from "./request-fields.ts";
import { inLifetime, type ServerParts } from "./server-parts.ts";
import { discardUnread } from "./unread-body.ts";

const folder = z.object({ kind: z.enum(UPLOAD_KINDS) });
const target = folder.extend({ name: fileName });

/** `PUT /api/uploads/{documents|questions}/{name}`: a file's bytes as the body; `GET /api/uploads/{kind}` lists them. */
export function uploadsRoutes(parts: ServerParts, store: string): Router {
  const router = Router();
  router.put("/api/uploads/:kind/:name", async (request, response) => {
    discardUnread(request, response);
    parts.state.requireReady();
    const to = parseBody(target, request.params);
    requireUploadSize(Number(request.headers["content-length"] ?? 0));
    await inLifetime(parts, response, async ({ signal }) => {
      const { bytes } = await saveUpload({ store, ...to }, request, signal);
      response.status(201).json({ name: to.name, bytes });
    });
  });
  router.get("/api/uploads/:kind", async (request, response) => {
    const wanted = parseBody(folder, request.params);
    response.json({ files: await listUploads(store, wanted.kind) });
  });
  return router;
}

const KIND = { name: "kind", in: "path", required: true, schema: { enum: [...UPLOAD_KINDS] } };
const NAME = { name: "name", in: "path", required: true, schema: { type: "string", minLength: 1 } };

export const UPLOAD_OPERATIONS: readonly Operation[] = [
  {
    method: "put",
    path: "/api/uploads/{kind}/{name}",
    id: "upload",
    summary: "Uploads a document, or a file of questions and answers.",
    parameters: [KIND, NAME],
    binaryBody: true,
    content: json(object("name", "bytes")),
    errors: [400, 404, 413],
    success: 201,
  },
  {
    method: "get",
    path: "/api/uploads/{kind}",
    id: "listUploads",
    summary: "What was uploaded.",
    parameters: [KIND],
    content: json(object("files")),
    errors: [400, 404],
  },
];
