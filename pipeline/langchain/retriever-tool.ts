import type { BaseRetriever } from "@langchain/core/retrievers";
import { type DynamicStructuredTool, tool } from "@langchain/core/tools";
import { z } from "zod";

/**
 * Any LangChain retriever as a tool for agents: passages numbered, each with its source and page; the documents themselves are the message's
 * `artifact`.
 */
export function retrieverTool(
  retriever: BaseRetriever,
  { name, description }: { readonly name: string; readonly description: string },
): DynamicStructuredTool {
  return tool(
    async ({ query }, config) => {
      const documents = await retriever.invoke(query, config);
      const texts = documents.map(({ pageContent, metadata }, index) =>
        `[${index + 1}] ${placeOf(metadata)}\n${pageContent}`.trim(),
      );
      return [texts.join("\n\n") || "Nothing was found.", documents];
    },
    {
      name,
      description,
      schema: z.object({ query: z.string().describe("what to look for") }),
      responseFormat: "content_and_artifact",
    },
  );
}

function placeOf(metadata: Readonly<Record<string, unknown>>): string {
  const loc = metadata["loc"] as { readonly pageNumber?: unknown } | undefined;
  const page = metadata["page"] ?? loc?.pageNumber;
  return [metadata["source"], page === undefined ? undefined : `page ${page}`]
    .filter((part) => part !== undefined)
    .join(", ");
}
