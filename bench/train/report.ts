import { best, describeMachine } from "../machine.ts";
import type { BenchResult } from "../main.ts";
import { ANSWER, BATCH, EPOCHS, FRONT_BATCH, PASSAGE, QUESTION, VIRTUAL } from "./shape.ts";

/** Seconds of every round, by what was trained. */
export interface Rounds {
  readonly deep: number[];
  readonly virtual: number[];
  readonly front: number[];
  readonly peer: number[];
}

/** What was measured. */
export interface Measured {
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly hasPeer: boolean;
  readonly rounds: Rounds;
  readonly whole: { readonly examples: number; readonly seconds: number };
  readonly flops: { readonly deep: number; readonly virtual: number; readonly front: number };
  readonly peak: number;
  readonly residentBytes: number;
}

const KINDS = ["deep", "virtual", "front"] as const;
type Kind = (typeof KINDS)[number];

/** Seconds, ratios and shares of the peak. */
export function report(measured: Measured): BenchResult {
  const { rounds, whole, flops, peak, threads, residentBytes } = measured;
  const perExample = {
    deep: best(rounds.deep) / BATCH,
    virtual: best(rounds.virtual) / BATCH,
    front: best(rounds.front) / FRONT_BATCH,
    whole: whole.seconds / (whole.examples * EPOCHS),
    peer: measured.hasPeer ? best(rounds.peer) / FRONT_BATCH : undefined,
  };
  const share = (kind: Kind) => flops[kind] / (perExample[kind] * peak);
  const ratio = (kind: Kind | "whole") =>
    perExample.peer === undefined ? undefined : perExample.peer / perExample[kind];
  const byKind = <Value>(kinds: readonly Kind[], of: (kind: Kind) => Value) =>
    Object.fromEntries(kinds.map((kind) => [kind, of(kind)]));
  const result = {
    machine: describeMachine(),
    threads,
    clock: threads === 1 ? "processor time" : "wall",
    versions: measured.versions,
    shape: {
      passage: PASSAGE,
      tail: QUESTION + ANSWER,
      virtual: VIRTUAL,
      batch: BATCH,
      batchInFront: FRONT_BATCH,
    },
    secondsPerExample: perExample,
    timesPeer: { ...byKind(KINDS, ratio), whole: ratio("whole") },
    flopsPerExample: flops,
    peakFlopsPerSecond: peak,
    shareOfPeak: byKind(KINDS, share),
    wholeRun: { ...whole, epochs: EPOCHS },
    residentBytesWithoutPassages: residentBytes,
    rounds,
  };
  return { lines: table(perExample, ratio, share, result), result };
}

function table(
  perExample: Readonly<Record<string, number | undefined>>,
  ratio: (kind: Kind | "whole") => number | undefined,
  share: (kind: Kind) => number,
  result: { readonly residentBytesWithoutPassages: number },
): string[] {
  const times = (kind: Parameters<typeof ratio>[0]) => ratio(kind)?.toFixed(1).concat("×") ?? "–";
  const line = (what: string, kind: Kind) =>
    `${what.padEnd(34)} ${perExample[kind]!.toFixed(3)} s an example, ${times(kind)} PEFT, ${(100 * share(kind)).toFixed(0)}% of peak`;
  return [
    line("deep tokens, passages cached", "deep"),
    line("virtual tokens, passages cached", "virtual"),
    line("virtual tokens in front", "front"),
    `${"three epochs with the passages' run".padEnd(34)} ${perExample["whole"]!.toFixed(3)} s an example, ${times("whole")} PEFT`,
    `PEFT: ${perExample["peer"]?.toFixed(2) ?? "not measured (--python)"} s an example`,
    `resident without passages: ${(result.residentBytesWithoutPassages / 2 ** 20).toFixed(0)} MiB`,
  ];
}
