import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import { errorMessage } from "../../core/index.ts";
import { askText, searchText } from "../document-answers.ts";
import type { Foreword } from "../open-foreword.ts";
import { VERSION } from "../version.ts";

const MAX_CHARACTERS = 10_000;

/**
 * Foreword's documents for programs that speak the Model Context Protocol: tools `search` and `ask`.
 * @see Model Context Protocol, tools
 */
export function createMcpServer(foreword: Pick<Foreword, "answerer" | "search">): McpServer {
  const server = new McpServer({ name: "foreword", version: VERSION });
  const annotations = { readOnlyHint: true, openWorldHint: false };
  server.registerTool(
    "search",
    {
      title: "Search documents",
      description: "Finds passages in the user's own documents by meaning and by words.",
      inputSchema: {
        query: z.string().min(1).max(MAX_CHARACTERS).describe("what to look for"),
        k: z.int().min(1).max(20).optional().describe("how many passages"),
      },
      annotations,
    },
    ({ query, k }, { signal }) => reply(() => searchText(foreword, { query, k }, signal)),
  );
  server.registerTool(
    "ask",
    {
      title: "Ask documents",
      description: "Answers a question from the user's own documents, with the sources.",
      inputSchema: {
        question: z.string().min(1).max(MAX_CHARACTERS),
        prompt: z
          .string()
          .max(64)
          .optional()
          .describe('a learned prompt, or "none"; by default the newest'),
      },
      annotations,
    },
    ({ question, prompt }, { signal }) => {
      const model = prompt === undefined ? "foreword" : `foreword@${prompt}`;
      return reply(() => askText(foreword, { question, model }, signal));
    },
  );
  return server;
}

/** A failure is told to the model that called, which can do something about it. */
async function reply(work: () => Promise<string>) {
  try {
    return { content: [{ type: "text" as const, text: await work() }] };
  } catch (thrown) {
    return { content: [{ type: "text" as const, text: errorMessage(thrown) }], isError: true };
  }
}
