import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Conditioning } from "../../generator/index.ts";
import { type Check, largestDifference, relativeDifference } from "./check.ts";
import type { GoldenModel } from "./golden-model.ts";

const LOGITS = 2e-4;
const LOSS = 1e-5;
const GRADIENT = 1e-4;

/** Loss and gradient of the inputs, and of virtual tokens between passages and question, with their scores. */
export async function checkGradients(model: GoldenModel): Promise<Check[]> {
  const { engine, trainer, golden, subject, folder } = model;
  const { answerTokens }: { answerTokens: number } = JSON.parse(
    readFileSync(join(folder, "golden.json"), "utf8"),
  );
  const { width } = engine.model.config;
  const ids = [...golden.readF32("input_ids")];
  const answerIds = ids.slice(-answerTokens);
  const virtual = (rows: Float32Array): Conditioning & { kind: "virtual" } => ({
    kind: "virtual",
    count: rows.length / width,
    rows,
  });
  // The embeddings of all tokens but the last stand in for virtual tokens, so their gradient is that of the inputs.
  const inputs = ids.slice(0, -answerTokens);
  const whole = await trainer.lossAndGradient(
    [{ prefixIds: [], ids: [], answerIds }],
    virtual(engine.embeddings(inputs)),
  );
  const [inputGradient] = whole.gradients;
  const passageLength = golden.readF32("between.passage_length")[0]!;
  const rows = virtual(golden.readF32("between.virtual_tokens"));
  const between = await trainer.lossAndGradient(
    [
      {
        prefixIds: ids.slice(0, passageLength),
        ids: ids.slice(passageLength, -answerTokens),
        answerIds,
      },
    ],
    rows,
  );
  const scores = await engine.logits(ids.slice(passageLength), {
    prefixIds: ids.slice(0, passageLength),
    conditioning: rows,
  });
  const tail = golden.readF32("between.logits").subarray(-scores.length);
  const relative = (found: Float32Array, name: string) =>
    relativeDifference(found, golden.readF32(name).subarray(0, found.length));
  const absolute = (found: number, name: string) =>
    largestDifference([found], golden.readF32(name));
  return [
    { check: "loss", difference: absolute(whole.loss, "loss"), tolerance: LOSS },
    {
      check: "input gradient",
      difference: relative(inputGradient!, "grad_inputs_embeds"),
      tolerance: GRADIENT,
    },
    {
      check: "between logits",
      difference: largestDifference(scores, tail),
      tolerance: LOGITS,
    },
    { check: "between loss", difference: absolute(between.loss, "between.loss"), tolerance: LOSS },
    {
      check: "between gradient",
      difference: relative(between.gradients[0]!, "between.grad"),
      tolerance: GRADIENT,
    },
  ].map((check) => ({ subject, ...check }));
}
