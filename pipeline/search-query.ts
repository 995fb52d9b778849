import { MAX_QUERY_CHARACTERS } from "../retriever/index.ts";
import type { Message } from "./answerer.ts";

/** What is searched for, and whether that is more than the question itself. */
export interface SearchQuery {
  readonly text: string;
  readonly isRewritten: boolean;
}

/** Words that stand for something said before. */
const REFERENCES = new Set(
  "he she it they him her them his hers its their theirs this that these those there one ones".split(
    " ",
  ),
);
/** Beginnings that only make sense after something. */
const CONTINUATIONS =
  /^(and|but|or|so|also|then|what about|how about|what else|anything else|who else|where else|why not|tell me more|go on|more)\b/i;
const SAME_AS_BEFORE = /\b(the (same|former|latter|other( one)?|first one|second one)|instead)\b/i;
/** "there" that says something exists, and refers to no place. */
const EXISTENCE = /\bthere (?:is|are|was|were)\b|\b(?:is|are|was|were) there\b(?=\s*\w)/gi;
/** Question words and other words that name nothing. */
const EMPTY_WORDS = new Set(
  (
    "a an the and or but so of in on at to for from by with about as is are was were be been being do does did done has have " +
    "had can could will would shall should may might must not no yes who whom whose what which when where why how many much " +
    "long often far old big tall more most other else same please tell me us you i we my our your explain say said also then " +
    "than too very just only any some all each every since if because into over under up down out again"
  ).split(" "),
);
/** A question with fewer telling words than this says too little to search for alone. */
const MIN_TELLING_WORDS = 2;
const MAX_ADDED_WORDS = 12;
/** A text as short as this is a name itself. */
const MAX_NAME_WORDS = 2;
/** Only a short answer is likely to be what the next question speaks of. */
const MAX_ANSWER_WORDS = 12;

/**
 * The question made self-contained: a follow-up ("Who designed it?") gets the names that were spoken of before, or where there are none the
 * telling words of the question before. A question that stands on its own is left as it is. Of each message only the beginning is read, as far
 * as it is searched for.
 */
export function searchQuery(conversation: readonly Message[]): SearchQuery {
  const messages = conversation.map(({ role, text }) => ({
    role,
    text: text.trim().slice(0, MAX_QUERY_CHARACTERS),
  }));
  const question = messages.at(-1)!.text;
  const earlier = messages.slice(0, -1);
  if (!earlier.some(({ role }) => role === "user") || !isFollowUp(question)) {
    return { text: question, isRewritten: false };
  }
  const own = new Set(words(question).map(lower));
  const added = topicWords(earlier).filter((word) => !own.has(word.toLowerCase()));
  if (added.length === 0) return { text: question, isRewritten: false };
  return { text: `${question} ${added.join(" ")}`, isRewritten: true };
}

/** Whether a question leans on what was said before it. */
function isFollowUp(asked: string): boolean {
  const question = isInCapitals(asked) ? asked.toLowerCase() : asked;
  if (CONTINUATIONS.test(question) || SAME_AS_BEFORE.test(question)) return true;
  const all = words(question.replace(EXISTENCE, "is"));
  const first = all.findIndex((word) => REFERENCES.has(word.toLowerCase()));
  if (first >= 0 && !hasAntecedent(all, first)) return true;
  const isLatin = /\p{Script=Latin}/u.test(question);
  const isNamed = all.slice(1).some(isName);
  return isLatin && !isNamed && all.filter(isTelling).length < MIN_TELLING_WORDS;
}

/** Whether what a reference stands for is named in the question itself, before it. */
function hasAntecedent(all: readonly string[], reference: number): boolean {
  return all.slice(0, reference).some((word, index) => {
    if (index > 0 && isName(word)) return true;
    const isArticle = /^(the|a|an|my|our|your)$/i.test(word);
    const noun = all[index + 1];
    return isArticle && index + 1 < reference && noun !== undefined && isTelling(noun);
  });
}

/** What was spoken of since the last question that stood on its own: names, or a question's telling words where it has none. */
function topicWords(earlier: readonly Pick<Message, "role" | "text">[]): string[] {
  const topic: string[] = [];
  let isFirstAnswer = true;
  for (const { role, text } of [...earlier].reverse()) {
    if (role === "assistant") {
      if (isFirstAnswer && words(text).length <= MAX_ANSWER_WORDS) topic.push(...names(text));
      isFirstAnswer = false;
    }
    if (role !== "user") continue;
    const named = isInCapitals(text) ? [] : names(text);
    topic.push(...(named.length > 0 ? named : words(text).filter(isTelling)));
    if (!isFollowUp(text.trim())) break;
  }
  return [...new Set(topic)].slice(0, MAX_ADDED_WORDS);
}

/** Words with a capital letter that they do not only have for beginning a sentence. */
function names(text: string): string[] {
  return text.split(/(?<=[.!?])\s+/).flatMap((sentence) => {
    const all = words(sentence);
    return all.filter((word, index) => {
      if (!isName(word)) return false;
      const isAlone = all.length <= MAX_NAME_WORDS;
      return index > 0 || (isTelling(word) && (isAlone || isName(all[1] ?? "")));
    });
  });
}

const isName = (word: string): boolean => /^\p{Lu}/u.test(word) && word !== "I";

/** Whether capitals tell no names, since everything has them. */
const isInCapitals = (text: string): boolean => /\p{Lu}/u.test(text) && !/\p{Ll}/u.test(text);

const isTelling = (word: string): boolean =>
  !EMPTY_WORDS.has(word.toLowerCase()) && !REFERENCES.has(word.toLowerCase());

const words = (text: string): string[] =>
  text.match(/[\p{L}\p{N}\p{M}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];

const lower = (word: string): string => word.toLowerCase();
