import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import {
  type AskedRecord,
  askedSchema,
  MAX_PASSAGES,
  type PromptDescription,
} from "../prompt-record.ts";
import {
  type Placement,
  type PromptTemplate,
  placementIn,
  readTemplate,
  type Task,
  taskOf,
  templateAt,
} from "../prompt-template.ts";
import { ownTemplate, USUAL_PASSAGES } from "../tune-settings.ts";

/** What a user says of a prompt that comes from elsewhere; it wins over what lies beside the prompt. */
export interface AskedOptions {
  /** Where virtual tokens stand; PEFT's in front, SPRING's and vLLM's between passages and question. */
  readonly placement?: Placement | undefined;
  /** The user's message in words of its own, which also says where the virtual tokens stand. */
  readonly template?: string | undefined;
  /** How many passages it was trained with, and so reads. */
  readonly passages?: number | undefined;
}

/** The template a prompt was trained with, and how many passages: with others it answers worse. */
export interface HowAsked {
  readonly task: Task;
  readonly placement: Placement;
  readonly template: PromptTemplate;
  /** None for inputs. */
  readonly passages: number;
  readonly passagesMax: number;
  /** Of an answer that was learned, in tokens; undefined where nobody tells. */
  readonly maxAnswerTokens?: number | undefined;
}

/**
 * What lies beside an adapter, checked: it is as untrusted as the rest.
 * @throws RagError prompt/invalid
 */
export function readHowAsked(raw: unknown, where: string): HowAsked {
  const asked = parseWith(askedSchema, raw, where, "prompt/invalid");
  const { task, placement, training } = asked;
  const template = templateIn(asked, where);
  const hasPassages = task === "input" || training.passagesMax > 0;
  if (taskOf(template) === task && hasPassages) return { task, placement, template, ...training };
  throw new RagError(
    "prompt/invalid",
    `${where}: task, template and passages do not belong together; export the prompt again, or remove this file and say --template and --passages.`,
  );
}

function templateIn({ template }: AskedRecord, where: string): PromptTemplate {
  try {
    return readTemplate(template, where);
  } catch (cause) {
    if (!(cause instanceof RagError)) throw cause;
    throw new RagError("prompt/invalid", cause.message, { cause });
  }
}

/**
 * How an imported prompt is asked: as the user says, else as what lies beside it says, else as is usual. `described`: what the prompt's own
 * file says.
 * @throws RagError config/invalid for options that contradict each other or the method
 */
export function howAsked(
  described: Pick<PromptDescription, "method" | "placement">,
  options: AskedOptions,
  beside: HowAsked | undefined,
): HowAsked {
  const { method } = described;
  const own =
    options.template === undefined
      ? undefined
      : ownTemplate(options.template, { method, placement: options.placement }, IMPORT);
  // What these train has no place in the text.
  const asked = method === "prefix-tuning" || method === "lora" ? undefined : options.placement;
  const isInFront = method === "prefix-tuning"; // whatever is said of it
  const usual = isInFront ? "prefix" : (asked ?? beside?.placement ?? described.placement);
  const isAsBeside = beside?.task === "input" || asked === undefined || asked === beside?.placement;
  const template = own ?? (isAsBeside ? beside?.template : undefined) ?? templateAt(usual);
  return {
    task: taskOf(template),
    placement: own === undefined || isInFront ? usual : placementIn(own),
    template,
    ...passagesOf(template, options, beside),
    maxAnswerTokens: beside?.maxAnswerTokens,
  };
}

/** Names the options in errors. */
const IMPORT = "prompts import";
const passagesSchema = z.int().min(1).max(MAX_PASSAGES).optional();

function passagesOf(
  template: PromptTemplate,
  options: AskedOptions,
  beside: HowAsked | undefined,
): Pick<HowAsked, "passages" | "passagesMax"> {
  const given = parseWith(passagesSchema, options.passages, `${IMPORT}: passages`);
  if (taskOf(template) === "input") {
    if (given === undefined) return { passages: 0, passagesMax: 0 };
    throw new RagError(
      "config/invalid",
      `${IMPORT}: passages: the prompt is for inputs, which stand alone; leave it out.`,
      { param: "passages" },
    );
  }
  if (given === undefined && beside?.task === "question") {
    return { passages: beside.passages, passagesMax: beside.passagesMax };
  }
  const passages = given ?? USUAL_PASSAGES;
  return { passages, passagesMax: passages };
}
