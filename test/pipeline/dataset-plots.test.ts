import assert from "node:assert/strict";
import { test } from "node:test";
import { answerSample } from "../../pipeline/compare/answers.ts";
import type { ComparedCell } from "../../pipeline/compare/compare.ts";
import { datasetPlots } from "../../pipeline/compare/dataset-plots.ts";
import type { ComparedArm } from "../../pipeline/compare/summary.ts";

/** `tokens` virtual tokens in all; none for LoRA. */
const arm = (
  name: string,
  asked: { readonly tokens: number | "all"; readonly passages?: number; readonly f1: number },
): ComparedArm => ({
  ...{ dataset: "d", arm: name, kind: name === "rag" ? "rag" : "tune" },
  ...{ passages: 1, seeds: 1, f1OverSeeds: 0, answerSeconds: 1, tokens: asked.tokens },
  ...(asked.passages !== undefined && { passages: asked.passages }),
  em: { mean: 0, low: 0, high: 0 },
  f1: { mean: asked.f1, low: asked.f1, high: asked.f1 },
  ...(name !== "rag" && {
    training: {
      ...{ trainedParameters: 100, trainedShare: 0.1, virtualTokens: name === "lora" ? 0 : 16 },
      ...{ seconds: 1, passageSeconds: 0, peakMemoryBytes: 1, promptBytes: 1, examples: [1] },
      lossCurves: [[3, 2]],
    },
  }),
});

/** Names in the legend. */
const shown = (svg: string): readonly string[] =>
  [...svg.matchAll(/r="4"[^>]*\/><text[^>]*>([^<]+)/g)].map(([, name]) => name!);
const heights = (svg: string) => [...svg.matchAll(/cy="([\d.]+)" r="4" fill/g)].map(([, y]) => y!);

test("every trained arm is plotted with all its virtual tokens, in whichever order these stand", () => {
  const whole = [
    arm("rag", { tokens: "all", f1: 10 }),
    arm("lora", { tokens: "all", f1: 60 }),
    arm("deep", { tokens: "all", f1: 50 }),
  ];
  const part = arm("deep", { tokens: 1, f1: 20 });
  const plotsOf = (arms: readonly ComparedArm[]) =>
    new Map(datasetPlots(arms).map(({ name, svg }) => [name, svg]));
  const plots = plotsOf([...whole, part]);
  assert.deepEqual(shown(plots.get("parameters")!), ["lora", "deep"]);
  assert.deepEqual(shown(plots.get("loss")!), ["lora", "deep"]);
  const alone = plotsOf(whole).get("parameters")!;
  assert.deepEqual(heights(plots.get("parameters")!), heights(alone));
});

test("with several passages the curve along them has all tokens, that along tokens the first passages", () => {
  const asked = (tokens: number | "all", passages: number, f1: number) =>
    arm("deep", { tokens, passages, f1 });
  const plots = (arms: readonly ComparedArm[]) =>
    new Map(datasetPlots(arms).map(({ name, svg }) => [name, svg]));
  const all = plots([asked(1, 1, 5), asked("all", 1, 50), asked(1, 3, 80), asked("all", 3, 60)]);
  const passages = plots([asked("all", 1, 50), asked("all", 3, 60)]).get("passages");
  assert.equal(all.get("passages"), passages);
  const tokens = plots([asked(1, 1, 5), asked("all", 1, 50)]).get("tokens");
  assert.equal(all.get("tokens"), tokens);
});

test("without all tokens an arm's answers are listed with the most", () => {
  const cell = (tokens: number): ComparedCell => ({
    cell: {
      dataset: { name: "d", train: "a", test: "b" },
      arm: { kind: "tune", name: "deep", settings: {} },
      ...{ seed: 1, passages: 1, tokens },
    },
    answered: { seconds: 1, answers: [{ id: "1", answer: `with ${tokens}`, em: 0, f1: 0 }] },
  });
  const { rows } = answerSample(
    {
      ...{ model: "m", modelSettings: {}, failed: [] },
      questions: new Map([["d", [{ id: "1", question: "q", answers: ["a"] }]]]),
      cells: [cell(1), cell(8), cell(4)],
    },
    "d",
  );
  assert.equal(rows[0]!.answers[0]!.answer, "with 8");
});
