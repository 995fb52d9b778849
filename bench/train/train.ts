import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { readModel, readTrainableWeights, saveModel } from "../../generator/index.ts";
import { defaultCacheFolder, resolveModel } from "../../runtime/index.ts";
import { measurePeak } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { PeftProcess } from "../peers/peft-process.ts";
import { Ours } from "./ours.ts";
import { type Rounds, report } from "./report.ts";
import { BATCH, CONTEXT, FRONT_BATCH, ROUNDS } from "./shape.ts";
import { stepFlops } from "./step-flops.ts";

/** How fast a step of training is, ours beside PEFT's, round after round on the same examples. */
export async function bench({ say, python, threads }: BenchOptions): Promise<BenchResult> {
  const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
  const model = readModel(await resolveModel("smollm2-135m-instruct", { cacheFolder }));
  const folder = await mkdtemp(join(tmpdir(), "foreword-bench-"));
  const ours = await Ours.open(model, { cacheFolder, threads, contextLength: CONTEXT });
  let peer: PeftProcess | undefined;
  try {
    say("one-time reading of the passages, then steps with one session: memory");
    for (let step = 0; step < 2; step++) await ours.step("deep", ours.examples);
    const residentBytes = process.memoryUsage().rss - ours.cachedBytes;
    say("a whole run of three epochs");
    const whole = await ours.wholeRun(ours.drawExamples(BATCH));
    if (python) {
      say("writing the model for the peer");
      const weights = await readTrainableWeights(model, { cacheFolder, contextLength: CONTEXT });
      await saveModel(model, weights, folder);
      peer = await PeftProcess.start(python, folder, threads);
    }
    const rounds = await measureRounds(ours, peer, say);
    return report({
      threads,
      versions: { ...peer?.versions },
      hasPeer: peer !== undefined,
      rounds,
      whole,
      flops: await stepFlops(model, { cacheFolder, contextLength: CONTEXT }),
      peak: await measurePeak(threads),
      residentBytes,
    });
  } finally {
    peer?.close();
    await ours.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One kind after the other, so that one session is in memory at a time; the peer has its turn in every round. */
async function measureRounds(
  ours: Ours,
  peer: PeftProcess | undefined,
  say: (line: string) => void,
): Promise<Rounds> {
  const seconds: Rounds = { deep: [], virtual: [], front: [], peer: [] };
  const front = ours.examples.slice(0, FRONT_BATCH).map(({ prefixIds, ids, answerIds }) => ({
    prefixIds: [],
    ids: [...prefixIds, ...ids],
    answerIds,
  }));
  for (const kind of ["deep", "virtual", "front"] as const) {
    const examples = kind === "front" ? front : ours.examples;
    for (let round = -1; round < ROUNDS; round++) {
      const own = await ours.step(kind === "front" ? "virtual" : kind, examples);
      const other = peer ? await peer.step(front) : 0;
      say(`${kind} ${round}: ${own.toFixed(2)} s, peer ${other.toFixed(2)} s`);
      // The first round warms everything up.
      if (round < 0) continue;
      seconds[kind].push(own);
      seconds.peer.push(other);
    }
    await ours.closeTrainers();
  }
  return seconds;
}
