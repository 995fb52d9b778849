import { randomBytes } from "node:crypto";
import { Template } from "@huggingface/jinja";
import { errorMessage, RagError } from "../core/index.ts";
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
}

/** For models without a chat template. */
const PLAIN_TEMPLATE =
  "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}{% if add_generation_prompt %}Answer:{% endif %}";

/**
 * Messages as the model expects them, ending where its answer begins, split at the mark.
 * @throws RagError model/invalid when the model's template cannot be rendered
 */
export function encodeChat(model: Model, messages: readonly ChatMessage[]): EncodedChat {
  const [before = [], ...after] = encodeChatSegments(model, messages);
  return { before, after: after.flat() };
}

/**
 * Like {@link encodeChat}, for any number of marks: the ids before the first, between each two, and after the last. The template
 * is rendered around placeholders, so only its own text can become special tokens, never a message's.
 * @throws RagError model/invalid when the model's template cannot be rendered
 */
export function encodeChatSegments(model: Model, messages: readonly ChatMessage[]): number[][] {
  const placeholder = (index: number) => `\u{E000}${nonce}.${index}\u{E001}`;
  const nonce = randomBytes(8).toString("hex");
  const parts: (string | typeof MARK)[] = [];
  const rendered = render(
    model,
    messages.map(({ role, parts: own }) => ({
      role,
      content: own.map((part) => placeholder(parts.push(part) - 1)).join(""),
    })),
  );
  const segments: number[][] = [[]];
  const pieces = rendered.split(new RegExp(`\u{E000}${nonce}\\.(\\d+)\u{E001}`, "u"));
  for (const [index, piece] of pieces.entries()) {
    // split() alternates template text and the captured number of a part.
    const part = index % 2 === 1 ? parts[Number(piece)]! : undefined;
    if (part === MARK) segments.push([]);
    else {
      const { tokenizer } = model;
      const ids = part === undefined ? tokenizer.encodeTemplate(piece) : tokenizer.encode(part);
      // One by one: a spread of a very long text's ids would overflow the stack.
      for (const id of ids) segments.at(-1)!.push(id);
    }
  }
  return segments;
}

function render(
  model: Model,
  messages: readonly { readonly role: string; readonly content: string }[],
): string {
  try {
    return new Template(model.chatTemplate ?? PLAIN_TEMPLATE).render({
      messages,
      add_generation_prompt: true,
      bos_token: "",
      eos_token: "",
    });
  } catch (cause) {
    throw new RagError(
      "model/invalid",
      `${model.name}: its chat template cannot be rendered (${errorMessage(cause)}).`,
      { cause },
    );
  }
}
