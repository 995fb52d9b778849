import {
  type ChatMessage,
  type Conditioning,
  encodeChatSegments,
  type Generator,
  MARK,
  splitAtBlock,
} from "../generator/index.ts";
import type { Message } from "./answerer.ts";
import { type PromptEmbeddings, requireWidth } from "./prompt-embeddings.ts";

/** A conversation as ids, with rows of embeddings in the middle where a message has such parts. */
export interface BareChat {
  readonly prefixIds: readonly number[];
  readonly ids: readonly number[];
  readonly conditioning: Conditioning | undefined;
}

/**
 * The conversation as the model's own chat template has it. Text between two parts of embeddings becomes embeddings too. One that is
 * certainly longer than the context is undefined, and not read to its end.
 * @throws RagError request/invalid for rows of another width
 */
export async function layOutBareChat(
  generator: Generator,
  messages: readonly Message[],
): Promise<BareChat | undefined> {
  const embeddings: PromptEmbeddings[] = [];
  const marked = messages.map(({ role, text, parts = [text] }): ChatMessage => {
    const own = parts.map((part) => {
      if (typeof part === "string") return part;
      requireWidth(part, generator.model.config.width);
      embeddings.push(part);
      return MARK;
    });
    return { role, parts: own };
  });
  const { segments, isCut } = encodeChatSegments(generator.model, marked, generator.contextLength);
  if (isCut) return undefined;
  const [first = []] = segments;
  if (embeddings.length === 0) return { ...splitAtBlock(first), conditioning: undefined };
  const between = await Promise.all(
    segments
      .slice(1, -1)
      .map((ids) => (ids.length > 0 ? generator.embeddings(ids) : new Float32Array(0))),
  );
  const rows = joinRows(
    embeddings.flatMap(({ rows: own }, index) => [own, between[index] ?? new Float32Array(0)]),
  );
  const count = rows.length / generator.model.config.width;
  return {
    prefixIds: first,
    ids: segments.at(-1)!,
    conditioning: { kind: "virtual", count, rows },
  };
}

/** Rows given with a question, one after the other, to stand where a learned prompt does. */
export function conditioningFrom(
  messages: readonly Message[],
  width: number,
): (Conditioning & { readonly kind: "virtual" }) | undefined {
  const embeddings = messages
    .flatMap(({ parts = [] }) => parts)
    .filter((part) => typeof part !== "string");
  if (embeddings.length === 0) return undefined;
  for (const part of embeddings) requireWidth(part, width);
  const rows = joinRows(embeddings.map((part) => part.rows));
  return { kind: "virtual", count: rows.length / width, rows };
}

function joinRows(parts: readonly Float32Array[]): Float32Array {
  const rows = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    rows.set(part, offset);
    offset += part.length;
  }
  return rows;
}
