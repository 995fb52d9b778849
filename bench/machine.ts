import { arch, cpus, loadavg, platform, totalmem } from "node:os";
import { encodeOnnx, Graph, matMul } from "../graph/index.ts";
import { floats, Session } from "../runtime/index.ts";

/** What a result was measured on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** Processes that wanted to run in the minute before: above the cores, timings are of a shared machine. */
  readonly load: number;
  readonly date: string;
}

export const describeMachine = (): Machine => ({
  processor: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${arch()}`,
  node: process.version,
  load: Number(loadavg()[0]!.toFixed(2)),
  date: new Date().toISOString().slice(0, 10),
});

/** The f32 rate of this machine in flop/s: the best of `rounds` plain products of square matrices. */
export async function measurePeak(threads: number, rounds = 12): Promise<number> {
  const size = 1024;
  const graph = new Graph();
  const shape = [size, size];
  const a = graph.input("a", "float32", shape);
  const b = graph.input("b", "float32", shape);
  graph.output("product", matMul(graph, a, b));
  const session = await Session.create(encodeOnnx(graph), { threads });
  try {
    const values = Float32Array.from({ length: size * size }, (_, i) => (i % 17) / 17);
    const feeds = { a: floats(values, shape), b: floats(values, shape) };
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await session.run(feeds);
      best = Math.min(best, (performance.now() - start) / 1000);
    }
    return (2 * size ** 3) / best;
  } finally {
    await session.close();
  }
}

/** The middle of several measurements. */
export function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.floor(ordered.length / 2)]!;
}
