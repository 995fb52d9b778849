import { RagError } from "../core/index.ts";
import { MARK } from "../generator/index.ts";
import type { LearnedPrompt } from "./prompt-file.ts";

export type Placement = LearnedPrompt["about"]["placement"];

export type Task = NonNullable<LearnedPrompt["about"]["task"]>;

/**
 * The user's message with marks for what is filled in: `{passages}`, `{virtual tokens}` and `{question}`, or `{virtual tokens}` and
 * `{input}` where an input stands alone.
 */
export type PromptTemplate = string;

const MARKS = ["passages", "virtual tokens", "question", "input"] as const;
type Mark = (typeof MARKS)[number];

const TASK_MARKS: Readonly<Record<Task, readonly Mark[]>> = {
  question: ["passages", "virtual tokens", "question"],
  input: ["virtual tokens", "input"],
};
const MAX_TEMPLATE_CHARACTERS = 4000;

/** Virtual tokens between passages and question. */
export const BETWEEN_TEMPLATE: PromptTemplate = "{passages}{virtual tokens}Question: {question}";
/** Virtual tokens in front of the passages, the classic order. */
export const PREFIX_TEMPLATE: PromptTemplate = "{virtual tokens}{passages}Question: {question}";
export const INPUT_TEMPLATE: PromptTemplate = "{virtual tokens}{input}";

/** The template that belongs to a placement. */
export const templateAt = (placement: Placement): PromptTemplate =>
  placement === "prefix" ? PREFIX_TEMPLATE : BETWEEN_TEMPLATE;

/** Where a template has its virtual tokens: in front of the passages, or after them. */
export const placementIn = (template: PromptTemplate): Placement =>
  template.indexOf("{virtual tokens}") < template.indexOf("{passages}") ? "prefix" : "between";

/** What its marks say it is for. */
export const taskOf = (template: PromptTemplate): Task =>
  template.includes("{input}") ? "input" : "question";

/**
 * Checks a template written by a person.
 * @throws RagError config/invalid naming the mark that is missing, unknown or there twice
 */
export function checkTemplate(template: PromptTemplate, where: string): void {
  const refuse = (problem: string) => {
    throw new RagError(
      "config/invalid",
      `${where}: ${problem}; expected a text with {passages}, {virtual tokens} and {question} once each, or {virtual tokens} and {input}.`,
      { param: "template" },
    );
  };
  if (template.length > MAX_TEMPLATE_CHARACTERS) {
    refuse(`it has ${template.length} characters, more than ${MAX_TEMPLATE_CHARACTERS}`);
  }
  const found = [...template.matchAll(/\{([a-z ]{1,40})\}/g)].map(([, name]) => name!);
  const wanted: readonly string[] = TASK_MARKS[taskOf(template)];
  const unknown = found.find((name) => !wanted.includes(name));
  if (unknown !== undefined) refuse(`{${unknown}} has no meaning in it`);
  for (const mark of wanted) {
    const count = found.filter((name) => name === mark).length;
    if (count !== 1) refuse(`it has {${mark}} ${count} times`);
  }
}

/**
 * The parts of the user's message, {@link MARK} where the virtual tokens are. Text is joined to the question beside it, so that it is
 * one piece for the tokenizer; passages end a piece, so that their tokens are the same whatever follows. `instruction` follows the virtual
 * tokens as a piece of its own.
 */
export function fillTemplate(
  template: PromptTemplate,
  values: Readonly<Partial<Record<Mark, string>>>,
  instruction = "",
): (string | typeof MARK)[] {
  const parts: (string | typeof MARK)[] = [];
  let text = "";
  const flush = () => {
    if (text !== "") parts.push(text);
    text = "";
  };
  const pieces = template.split(/\{(passages|virtual tokens|question|input)\}/);
  for (const [index, piece] of pieces.entries()) {
    if (index % 2 === 0) text += piece;
    else if (piece !== "virtual tokens") {
      text += values[piece as Mark] ?? "";
      if (piece === "passages") flush();
    } else {
      flush();
      parts.push(MARK);
      if (instruction !== "") parts.push(instruction);
    }
  }
  flush();
  return parts;
}

const SYSTEM_LINE = "system: {system}\nuser: ";
const INPUT_LINE = "user: ";
/** How `{passages}` reads in a record: what one looks like. */
const PASSAGES_WRITTEN = "[{n}] {title}\\n{passage}… ";

/** A template as a prompt's record holds it: the whole conversation's frame. */
export const writeTemplate = (template: PromptTemplate): string =>
  taskOf(template) === "input"
    ? INPUT_LINE + template
    : SYSTEM_LINE + template.replace("{passages}", PASSAGES_WRITTEN);

/** The other way round. @throws RagError config/invalid for a record that was changed by hand */
export function readTemplate(written: string, source: string): PromptTemplate {
  const isInput = !written.startsWith(SYSTEM_LINE);
  const body = written.slice((isInput ? INPUT_LINE : SYSTEM_LINE).length);
  const template = body.replace(PASSAGES_WRITTEN, "{passages}");
  checkTemplate(template, `${source}: template`);
  return template;
}

/** The template a prompt was trained with. @throws RagError config/invalid */
export const templateOf = ({ about }: LearnedPrompt): PromptTemplate =>
  readTemplate(about.template, `prompt "${about.name}"`);
