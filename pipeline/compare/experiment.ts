import { basename } from "node:path";
import { z } from "zod";
import { parseJson, parseWith, RagError, readWholeFile } from "../../core/index.ts";
import { parseTuneSettings } from "../../ptuning/index.ts";

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/, "expected 1 to 40 letters, digits, - or _");

const dataset = z.strictObject({
  name,
  train: z.string().min(1).max(1000), // question-answer file, relative to --data
  test: z.string().min(1).max(1000),
  trainLimit: z.int().min(1).optional(), // pairs, drawn at random by the seed of each training
  trainSeed: z.int().min(0).optional(), // draws them instead, so that all trainings share pairs and passages
  testLimit: z.int().min(1).optional(), // the first questions
});

const arm = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("no-retrieval"), name: name.default("no-retrieval") }),
  z.strictObject({ kind: z.literal("majority"), name: name.default("majority") }), // always the commonest answer of the training pairs
  z.strictObject({ kind: z.literal("rag"), name: name.default("rag") }),
  z.strictObject({
    kind: z.literal("hand"),
    name: name.default("hand"),
    text: z.string().min(1).max(10_000).optional(), // the best of ours unless given
  }),
  z.strictObject({
    kind: z.literal("few-shot"),
    name: name.default("few-shot"),
    examples: z.int().min(1).max(32).default(3), // training pairs written into the prompt
  }),
  z.strictObject({
    kind: z.literal("tune"),
    name,
    settings: z.record(z.string(), z.unknown()).default({}), // as the flags of foreword tune
  }),
]);

const experiment = z
  .strictObject({
    name,
    datasets: z.array(dataset).min(1).max(20),
    arms: z.array(arm).min(1).max(50),
    passages: z.array(z.int().min(1).max(20)).min(1).max(20).default([1]),
    tokens: z
      .array(z.union([z.int().min(1).max(512), z.literal("all")]))
      .min(1)
      .max(20)
      .default(["all"]), // the k curve of arms with virtual tokens
    seeds: z.array(z.int().min(0)).min(1).max(20).default([1]),
  })
  .superRefine(({ datasets, arms, passages, tokens, seeds }, context) => {
    const lists: Readonly<Record<string, readonly (string | number)[]>> = {
      datasets: datasets.map((one) => one.name),
      arms: arms.map((one) => one.name),
      ...{ passages, tokens, seeds },
    };
    for (const [kind, list] of Object.entries(lists)) {
      const twice = list.find((one, index) => list.indexOf(one) !== index);
      if (twice === undefined) continue;
      const message = `${JSON.stringify(twice)} comes twice`;
      context.addIssue({ code: "custom", path: [kind], message });
    }
  });

/** What `foreword compare` runs: arms × datasets × numbers of passages × virtual tokens × seeds. */
export type Experiment = z.infer<typeof experiment>;
export type Dataset = Experiment["datasets"][number];
export type ExperimentArm = Experiment["arms"][number];

const MAX_BYTES = 2 ** 20;
/** Set by the comparison itself. */
const OWN_SETTINGS = ["name", "seed", "seeds", "limit", "resume", "passages"];

/** Reads an experiment file; settings of trained arms are checked too. @throws RagError config/invalid, file/* */
export async function readExperiment(path: string): Promise<Experiment> {
  const source = basename(path);
  const raw = parseJson(
    (await readWholeFile(path, { maxBytes: MAX_BYTES })).toString("utf8"),
    (problem) => new RagError("config/invalid", `${source}: is ${problem}; correct the file.`),
  );
  const parsed = parseWith(experiment, raw, source);
  for (const one of parsed.arms) {
    if (one.kind !== "tune") continue;
    const own = OWN_SETTINGS.find((key) => key in one.settings);
    if (own !== undefined) {
      throw new RagError(
        "config/invalid",
        `${source}: arm "${one.name}": "${own}" is set by the comparison (seeds, trainLimit, passages); remove it from the settings.`,
      );
    }
    parseTuneSettings({ ...one.settings, name: one.name }, `${source}: arm "${one.name}"`);
  }
  return parsed;
}
