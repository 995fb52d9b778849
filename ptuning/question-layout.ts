import { encodeChatSegments, MARK, type Model } from "../generator/index.ts";
import { onePassage, type PassageText, SYSTEM_WITH_PASSAGES } from "./prompt-layout.ts";
import { BETWEEN_TEMPLATE, fillTemplate } from "./prompt-template.ts";

/** Longer passages and questions are cut: their beginning says what they are about. */
const MAX_PASSAGE_TOKENS = 512;
const MAX_QUESTION_TOKENS = 128;

/** A question behind one passage, to be scored: the frame is that of an answer, whose cached passage it shares. */
export interface LaidOutQuestion {
  readonly prefixIds: readonly number[];
  /** The question's own tokens with the word that announces it; the same for every passage. */
  readonly questionIds: readonly number[];
}

/** Lays a question out behind one passage, in at most `maxTokens`. Both are cut where they are too long. */
export function layOutQuestion(
  model: Model,
  parts: {
    readonly question: string;
    readonly passage: PassageText;
    readonly maxTokens: number;
  },
): LaidOutQuestion {
  const { question, passage, maxTokens } = parts;
  const values = { passages: onePassage(passage, 0), question };
  const { segments } = encodeChatSegments(model, [
    { role: "system", parts: [SYSTEM_WITH_PASSAGES] },
    { role: "user", parts: [...fillTemplate(BETWEEN_TEMPLATE, values), MARK] },
  ]);
  const [prefix = [], asked = []] = segments;
  const questionIds = asked.slice(0, Math.min(MAX_QUESTION_TOKENS, Math.floor(maxTokens / 2)));
  const room = Math.min(MAX_PASSAGE_TOKENS, maxTokens - questionIds.length);
  return { prefixIds: prefix.slice(0, room), questionIds };
}
