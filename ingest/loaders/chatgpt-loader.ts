import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { RagError } from "../../core/index.ts";
import { requireReadableSize } from "../readers/file-size.ts";
import type { DocumentLoader, LoadedDocument } from "./loaded-document.ts";

/** A message as far as it is read; its parts are texts, or objects for pictures and files. */
const message = z.object({
  author: z.object({ role: z.string() }),
  content: z.object({ content_type: z.string(), parts: z.array(z.unknown()).optional() }),
});
const conversation = z.object({
  id: z.string().optional(),
  title: z.string().nullish(),
  create_time: z.number().nullish(),
  current_node: z.string().nullish(),
  mapping: z.record(
    z.string(),
    z.object({ message: z.unknown(), parent: z.string().nullish() }).loose(),
  ),
});
type Conversation = z.infer<typeof conversation>;

/** Who speaks, in words that a reader of an answer understands. */
const SPEAKERS: ReadonlyMap<string, string> = new Map([
  ["user", "User"],
  ["assistant", "ChatGPT"],
]);

/**
 * The conversations of an export of ChatGPT (`conversations.json`), one document each: what the user and the model said on the branch that was
 * shown last. LangChain's own loader of this name ends at the first message without an author, with which today's exports begin.
 */
export class ChatGptLoader implements DocumentLoader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws RagError file/unreadable when the file is no such export, file/too-large */
  async load(): Promise<LoadedDocument[]> {
    requireReadableSize((await stat(this.#path)).size);
    const conversations = z
      .array(conversation)
      .safeParse(parse(await readFile(this.#path, "utf8")));
    if (!conversations.success) {
      throw new RagError(
        "file/unreadable",
        'is no export of ChatGPT; name its "conversations.json".',
      );
    }
    return conversations.data.flatMap((one, index) => {
      const pageContent = textOf(one);
      if (pageContent === "") return [];
      const { title } = one;
      const created = createdOf(one);
      const name = one.id ?? String(index + 1);
      const metadata = { source: this.#path, conversation: name, title: title ?? "", ...created };
      return [{ pageContent, metadata }];
    });
  }
}

/** When it began; nothing where the file has no time, or one that no calendar has. */
function createdOf({ create_time: seconds }: Conversation): { created?: string } {
  const date = new Date((seconds || Number.NaN) * 1000);
  return Number.isNaN(date.getTime()) ? {} : { created: date.toISOString() };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textOf(one: Conversation): string {
  return branchOf(one)
    .flatMap((node) => {
      const { data } = message.safeParse(node.message);
      const speaker = data && SPEAKERS.get(data.author.role);
      if (!speaker || !/^(text|multimodal_text)$/.test(data.content.content_type)) return [];
      const parts = (data.content.parts ?? []).filter((part) => typeof part === "string");
      const words = parts.join("\n").trim();
      return words === "" ? [] : [`${speaker}: ${words}`];
    })
    .join("\n\n");
}

/** From the first message to the one shown last; all in the file's order where it does not say which that is. */
function branchOf({ mapping, current_node }: Conversation) {
  if (!current_node) return Object.values(mapping);
  const nodes = new Map(Object.entries(mapping));
  const branch = new Set<NonNullable<ReturnType<typeof nodes.get>>>();
  let node = nodes.get(current_node);
  while (node && !branch.has(node)) {
    branch.add(node);
    node = nodes.get(node.parent ?? "");
  }
  return [...branch].reverse();
}
