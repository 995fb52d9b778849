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

/**
 * How long something takes, in seconds. With one thread it is processor time, which the load of others hardly changes; with more,
 * where waiting threads burn time too, it is the clock's.
 */
export async function timed(threads: number, work: () => Promise<unknown>): Promise<number> {
  const [clock, processor] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(processor);
  return threads === 1 ? (user + system) / 1e6 : (performance.now() - clock) / 1e3;
}

/** The best of several: what else the machine does only ever adds. */
export const best = (seconds: readonly number[]): number => Math.min(...seconds);

/** The f32 rate of this machine in flop/s: the best of `rounds` plain products of square matrices. */
export async function measurePeak(threads: number, rounds = 20): Promise<number> {
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
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      seconds.push(await timed(threads, () => session.run(feeds)));
    }
    return (2 * size ** 3) / best(seconds);
  } finally {
    await session.close();
  }
}
