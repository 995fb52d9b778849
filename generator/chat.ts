import { randomBytes } from "node:crypto";
import { errorMessage, RagError } from "../core/index.ts";
import { type BoundedEncoding, encodeUpTo } from "./bounded-encoding.ts";
import type { Model } from "./model.ts";
import { renderTemplate } from "./render-template.ts";

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
  const segments: number[][] = [startOf(model)];
  let room = maxTokens - segments[0]!.length;
  const split = rendered.split(new RegExp(`\u{E000}${nonce}\\.(\\d+)\u{E001}`, "u"));
  // split() alternates template text and the captured number of a part.
  const pieces = split.map((piece, index) =>
    index % 2 === 1 ? parts[Number(piece)]! : { template: piece },
  );
  let behind = segments[0]!.at(-1);
  for (const piece of spacesMoved(pieces)) {
    if (piece === MARK) segments.push([]);
    else {
      const { ids, isCut } = encodePiece(model, piece, { behind, room });
      // One by one: a spread of a very long text's ids would overflow the stack.
      for (const id of ids) segments.at(-1)!.push(id);
      if (isCut) return { segments, isCut };
      room -= ids.length;
      behind = ids.at(-1) ?? behind;
    }
  }
  return { segments, isCut: false };
}

/** Text of the template, text of a message, or a mark. */
type Piece = { readonly template: string } | string | typeof MARK;

/** A space before a word is part of its token: one at the end of template text goes to the message's text behind it. */
function spacesMoved(pieces: readonly Piece[]): Piece[] {
  const moved = [...pieces];
  for (const [index, piece] of pieces.entries()) {
    const next = pieces[index + 1];
    if (typeof piece !== "object" || typeof next !== "string") continue;
    if (next === "" || !piece.template.endsWith(" ")) continue;
    moved[index] = { template: piece.template.slice(0, -1) };
    moved[index + 1] = ` ${next}`;
  }
  return moved;
}

function encodePiece(
  { tokenizer }: Model,
  piece: Exclude<Piece, typeof MARK>,
  { behind, room }: { readonly behind: number | undefined; readonly room: number },
): BoundedEncoding {
  if (typeof piece === "string") {
    return encodeUpTo((text) => tokenizer.encode(text, { behind }), piece, room);
  }
  return { ids: tokenizer.encodeTemplate(piece.template, { behind }), isCut: false };
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
    return renderTemplate(model.chatTemplate ?? PLAIN_TEMPLATE, {
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
