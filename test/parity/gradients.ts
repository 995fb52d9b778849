import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileGraph } from "../../generator/compiled-graphs.ts";
import { engineFolder } from "../../generator/engine-options.ts";
import type { Conditioning, TrainingTarget } from "../../generator/index.ts";
import { causalMask } from "../../generator/masks.ts";
import { buildTrainingGraph, gradientName } from "../../generator/training-graph.ts";
import { openWeightLayout } from "../../generator/weight-layout.ts";
import { floats, integers } from "../../runtime/index.ts";
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
  const whole = await inputGradient(model, ids, answerTokens);
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
  const passage = await engine.logits(ids.slice(0, passageLength));
  const expected = golden.readF32("between.logits");
  const [head, tail] = [expected.subarray(0, passage.length), expected.subarray(passage.length)];
  const relative = (found: Float32Array, name: string) =>
    relativeDifference(found, golden.readF32(name));
  const absolute = (found: number, name: string) =>
    largestDifference([found], golden.readF32(name));
  return [
    { check: "loss", difference: absolute(whole.loss, "loss"), tolerance: LOSS },
    {
      check: "input gradient",
      difference: relative(whole.gradient, "grad_inputs_embeds"),
      tolerance: GRADIENT,
    },
    {
      check: "between logits",
      difference: Math.max(largestDifference(scores, tail), largestDifference(passage, head)),
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

/**
 * Every input embedding as a virtual token, answer included, through the graph itself: trainers score only what follows the
 * virtual tokens.
 */
async function inputGradient(
  { engine, options }: GoldenModel,
  ids: readonly number[],
  answerTokens: number,
): Promise<{ loss: number; gradient: Float32Array }> {
  const { config } = engine.model;
  const folder = engineFolder(engine.model, options);
  const weights = await openWeightLayout(engine.model, {
    folder,
    format: "float32",
    positions: options.contextLength!,
  });
  const target: TrainingTarget = { kind: "virtual" };
  const graph = buildTrainingGraph({ config, weights, target, past: undefined });
  const session = await compileGraph(graph, folder, options);
  const count = ids.length;
  const rows = Array.from({ length: answerTokens }, (_, i) => count - answerTokens - 1 + i);
  try {
    const outputs = await session.run({
      virtual: floats(engine.embeddings(ids), [count, config.width]),
      before: integers([], [1, 0]),
      after: integers([], [1, 0]),
      positions: integers([...ids.keys()], [1, count]),
      mask: causalMask({ tokens: count, past: 0, capacity: 0 }),
      rows: integers(rows),
      labels: integers(ids.slice(-answerTokens)),
      labelWeights: floats(new Float32Array(answerTokens).fill(1 / answerTokens), [answerTokens]),
    });
    const gradient = outputs[gradientName("virtual")]!.data as Float32Array;
    return { loss: Number(outputs["loss"]!.data[0]), gradient };
  } finally {
    await session.close();
  }
}
