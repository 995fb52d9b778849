import { randomBytes } from "node:crypto";
import { Template } from "@huggingface/jinja";
import { errorMessage, RagError } from "../core/index.ts";
import { encodeUpTo } from "./bounded-encoding.ts";
import type { Model } from "./model.ts";

/** A place in a message that ids are split at: where virtual tokens stand. */
export const MARK = Symbol("mark");

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  /** Text from outside is never read as special tokens. At most one mark in all messages, unless they are encoded as segments. */
  readonly parts: readonly (string | typeof MARK)[];
}

/** Ids before and after the mark; without a mark everything is before. */
export interface EncodedChat {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** There are more than `maxTokens` ids, and the rest was not read. */
  readonly isCut: boolean;
}

/** Ids before the first mark, between each two, and after the last. */
export interface EncodedSegments {
  readonly segments: readonly (readonly number[])[];
  /** As in {@link EncodedChat}. */
  readonly isCut: boolean;
}

/** For models without a chat template. */
const PLAIN_TEMPLATE =
  "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}{% if add_generation_prompt %}Answer:{% endif %}";

/**
 * Messages as the model expects them, ending where its answer begins, split at the mark. With `maxTokens`, messages that are certainly
 * longer are not read to their end, which could take seconds.
 * @throws RagError model/invalid when the model's template cannot be rendered
 */
export function encodeChat(
  model: Model,
  messages: readonly ChatMessage[],
  maxTokens = Number.POSITIVE_INFINITY,
): EncodedChat {
  const { segments, isCut } = encodeChatSegments(model, messages, maxTokens);
  const [before = [], ...after] = segments;
  return { before, after: after.flat(), isCut };
}

/**
 * Like {@link encodeChat}, for any number of marks. The template is rendered around placeholders, so only its own text can become
 * special tokens, never a message's.
 * @throws RagError model/invalid when the model's template cannot be rendered
 */
export function encodeChatSegments(
  model: Model,
  messages: readonly ChatMessage[],
  maxTokens = Number.POSITIVE_INFINITY,
): EncodedSegments {
  const placeholder = (index: number) => `\u{E000}${nonce}.${index}\u{E001}`;
  const nonce = randomBytes(8).toString("hex");
  const parts: (string | typeof MARK)[] = [];
  const rendered = renderWithOrWithoutSystem(
    model,
    messages.map(({ role, parts: own }) => ({
      role,
      content: own.map((part) => placeholder(parts.push(part) - 1)).join(""),
    })),
  );
  const { tokenizer } = model;
  const segments: number[][] = [startOf(model)];
  let room = maxTokens - segments[0]!.length;
  const pieces = rendered.split(new RegExp(`\u{E000}${nonce}\\.(\\d+)\u{E001}`, "u"));
  for (const [index, piece] of pieces.entries()) {
    // split() alternates template text and the captured number of a part.
    const part = index % 2 === 1 ? parts[Number(piece)]! : undefined;
    if (part === MARK) segments.push([]);
    else {
      const { ids, isCut } =
        part === undefined
          ? { ids: tokenizer.encodeTemplate(piece), isCut: false }
          : encodeUpTo(tokenizer, part, room);
      // One by one: a spread of a very long text's ids would overflow the stack.
      for (const id of ids) segments.at(-1)!.push(id);
      if (isCut) return { segments, isCut };
      room -= ids.length;
    }
  }
  return { segments, isCut: false };
}

/** A model's own template writes the token that a text begins with, where there is to be one; ours does not know it. */
const startOf = ({ chatTemplate, tokenizer: { startId } }: Model): number[] =>
  chatTemplate === undefined && startId !== undefined ? [startId] : [];

interface RenderedMessage {
  readonly role: string;
  readonly content: string;
}

/** Some templates (Mistral's first ones, Gemma's) refuse a system role: what it says then begins the user's first message. */
function renderWithOrWithoutSystem(model: Model, messages: readonly RenderedMessage[]): string {
  const withoutSystem = joinSystem(messages);
  if (!withoutSystem) return render(model, messages);
  try {
    return render(model, messages);
  } catch (thrown) {
    if (!(thrown instanceof RagError)) throw thrown;
    return render(model, withoutSystem);
  }
}

function joinSystem(messages: readonly RenderedMessage[]): RenderedMessage[] | undefined {
  const [system, ...rest] = messages;
  const first = rest.findIndex(({ role }) => role === "user");
  if (system?.role !== "system" || first < 0) return undefined;
  const content = `${system.content}\n\n${rest[first]!.content}`;
  return rest.with(first, { role: "user", content });
}

function render(model: Model, messages: readonly RenderedMessage[]): string {
  try {
    return new Template(model.chatTemplate ?? PLAIN_TEMPLATE).render({
      messages,
      add_generation_prompt: true,
      bos_token: model.bosToken,
      eos_token: model.eosToken,
    });
  } catch (cause) {
    throw new RagError(
      "model/invalid",
      `${model.name}: its chat template cannot be rendered (${errorMessage(cause)}).`,
      { cause },
    );
  }
}
