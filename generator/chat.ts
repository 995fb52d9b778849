import { randomBytes } from "node:crypto";
import { Template } from "@huggingface/jinja";
import { errorMessage, RagError } from "../core/index.ts";
import type { Model } from "./model.ts";

/** A place in a message that ids are split at: where virtual tokens stand. */
export const MARK = Symbol("mark");

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  /** Text from outside is never read as special tokens. At most one mark in all messages. */
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
 * Messages as the model expects them, ending where its answer begins. The template is rendered around placeholders, so
 * only its own text can become special tokens, never a message's.
 * @throws RagError model/invalid when the model's template cannot be rendered
 */
export function encodeChat(model: Model, messages: readonly ChatMessage[]): EncodedChat {
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
  const sides = { before: [] as number[], after: [] as number[] };
  let side = sides.before;
  const pieces = rendered.split(new RegExp(`\u{E000}${nonce}\\.(\\d+)\u{E001}`, "u"));
  for (const [index, piece] of pieces.entries()) {
    // split() alternates template text and the captured number of a part.
    const part = index % 2 === 1 ? parts[Number(piece)]! : undefined;
    if (part === undefined) side.push(...model.tokenizer.encodeTemplate(piece));
    else if (part === MARK) side = sides.after;
    else side.push(...model.tokenizer.encode(part));
  }
  return sides;
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
