import { type StructuredToolInterface, tool } from "@langchain/core/tools";
import { z } from "zod";
import { askText, searchText } from "../document-answers.ts";
import type { Foreword } from "../open-foreword.ts";

/** Tools for agents of a model that calls tools: `search_documents` and `ask_documents`. */
export function documentTools(foreword: Foreword): StructuredToolInterface[] {
  return [
    tool(async ({ query, k }, { signal }) => searchText(foreword, { query, k }, signal), {
      name: "search_documents",
      description: "Finds passages in the user's own documents.",
      schema: z.object({ query: z.string(), k: z.int().min(1).max(20).optional() }),
    }),
    tool(async ({ question }, { signal }) => askText(foreword, { question }, signal), {
      name: "ask_documents",
      description: "Answers a question from the user's own documents, with the sources.",
      schema: z.object({ question: z.string() }),
    }),
  ];
}
