import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settings } from "../../pipeline/settings.ts";
import type { Workspace } from "../../pipeline/workspace.ts";
import { workspaceAnswerer } from "../../pipeline/workspace-answerer.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";

test("of texts to embed, the tokens that the embedder reads are counted, and no more is looked at", async () => {
  let longest = 0;
  const embedder = {
    ...hashEmbedder(),
    maxTokens: 10,
    countTokens: (text: string) => {
      longest = Math.max(longest, text.length);
      return text.split(" ").filter((word) => word !== "").length;
    },
  };
  // Only what is used of them.
  const workspace = { embedder: async () => embedder } as unknown as Workspace;
  const answerer = workspaceAnswerer(workspace, { embedder: "hash" } as Settings);
  const { model, tokens, vectors } = await answerer.embed(["one two", "lamp ".repeat(20_000)]);
  assert.deepEqual([model, tokens, vectors.length], ["hash", 12, 2]);
  assert.ok(longest <= 1000, `${longest} characters were looked at`);
});
