import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as foreword from "../../pipeline/index.ts";

/** Types are gone when this runs; the compiler refuses the file where one cannot be named. */
export type Named = [
  foreword.Answer,
  foreword.Answerer,
  foreword.AnswerRequest,
  foreword.Embedder,
  foreword.ErrorCode,
  foreword.Filter,
  foreword.ForewordChainOutput,
  foreword.ForewordOptions,
  foreword.IngestSummary,
  foreword.OpenStoreOptions,
  foreword.Passage,
  foreword.PeftConfig,
  foreword.PeftStep,
  foreword.SearchOptions,
  foreword.SearchResult,
  foreword.TrainingExample,
];

test("the package's entry has what programs use, and nothing else", () => {
  assert.deepEqual(Object.keys(foreword).sort(), [
    "ChatForeword",
    "ForewordEmbeddings",
    "ForewordRetriever",
    "ForewordVectorStore",
    "Generator",
    "LoraConfig",
    "PeftModel",
    "PrefixTuningConfig",
    "PromptEncoderConfig",
    "PromptTuningConfig",
    "RagError",
    "documentTools",
    "forewordChain",
    "getPeftModel",
    "ingestDocuments",
    "ingestFiles",
    "openForeword",
    "openStore",
    "resolveModel",
    "retrieverTool",
  ]);
});

test("a program tells failures apart by class and code", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-entry-"));
  const opened = foreword.openForeword({ store: join(folder, "store") });
  try {
    await assert.rejects(opened.search("high water", 3), (thrown) => {
      assert.ok(thrown instanceof foreword.RagError);
      const code: foreword.ErrorCode = "store/empty";
      return thrown.code === code;
    });
  } finally {
    await opened.close();
    await rm(folder, { recursive: true, force: true });
  }
});
