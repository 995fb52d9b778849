import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  describeIssue,
  parseJson,
  RagError,
  systemCode,
  writeFileAtomic,
} from "../../core/index.ts";

const score = z.strictObject({ em: z.number(), f1: z.number() });

const trained = z.strictObject({
  trainedParameters: z.number(),
  allParameters: z.number(),
  virtualTokens: z.number(),
  seconds: z.number(), // of training and scoring held-out pairs, without reading passages
  passageSeconds: z.number(), // of reading those passages that no earlier training of the comparison had read
  peakMemoryBytes: z.number(), // resident, of the whole process while it trained; after an interruption since it went on
  promptBytes: z.number(), // of the files that answering needs
  examples: z.number(),
  steps: z.number(),
  lossCurve: z.array(z.number()),
  devCurve: z.array(score.extend({ step: z.number() })),
  dev: score.nullable(),
});

const answered = z.strictObject({
  seconds: z.number(), // of all answers
  answers: z.array(score.extend({ id: z.string(), answer: z.string() })),
});

const retrieved = z.strictObject({ retrieved: z.array(z.boolean()) });

/** What a training cost and gave. */
export type TrainedResult = z.infer<typeof trained>;
/** What an arm answered, question by question. */
export type AnsweredResult = z.infer<typeof answered>;
/** For which questions the passage they name was retrieved. */
export type RetrievedResult = z.infer<typeof retrieved>;

/** Results of cells, one JSON file each, answers also of a part of the questions: a comparison that was stopped goes on where it was. */
export class CellStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "cells");
  }

  /** @throws RagError file/invalid when the file is damaged */
  loadTrained(name: string): Promise<TrainedResult | undefined> {
    return this.#load(name, trained);
  }

  /** @throws RagError file/invalid when the file is damaged */
  loadAnswered(name: string): Promise<AnsweredResult | undefined> {
    return this.#load(name, answered);
  }

  /** @throws RagError file/invalid when the file is damaged */
  loadRetrieved(name: string): Promise<RetrievedResult | undefined> {
    return this.#load(name, retrieved);
  }

  async save(
    name: string,
    result: TrainedResult | AnsweredResult | RetrievedResult,
  ): Promise<void> {
    await writeFileAtomic(this.#path(name), `${JSON.stringify(result)}\n`);
  }

  async #load<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
  ): Promise<z.infer<Schema> | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path(name), "utf8");
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return undefined;
      throw cause;
    }
    const damaged = (problem: string) =>
      new RagError(
        "file/invalid",
        `cells/${name}.json: is damaged (${problem}); delete it and it is computed again.`,
      );
    const raw = parseJson(text, damaged);
    const result = schema.safeParse(raw);
    if (result.success) return result.data;
    throw damaged(`${describeIssue(result.error, raw, false).name} is not what it was written as`);
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}
