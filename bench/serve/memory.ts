import { streamAnswer } from "./client.ts";
import type { NextQuestion } from "./load.ts";

/** Bytes resident after one minute of load and after ten. */
export interface MemoryResult {
  readonly afterOneMinute: number;
  readonly afterTenMinutes: number;
  readonly ratio: number;
}

const EARLY_MS = 60_000;
const LATE_MS = 600_000;

/** Watches a server that others load, from now on, and loads it itself until ten minutes are over. */
export function watchMemory(url: string) {
  const started = performance.now();
  const early = new Promise<number>((resolve, reject) => {
    setTimeout(() => residentBytes(url).then(resolve, reject), EARLY_MS);
  });
  early.catch(() => undefined);
  return {
    untilTenMinutes: async (load: {
      readonly ask: NextQuestion;
      readonly streams: number;
    }): Promise<MemoryResult> => {
      const client = async () => {
        while (performance.now() - started < LATE_MS) await streamAnswer(url, load.ask());
      };
      await Promise.all(Array.from({ length: load.streams }, client));
      const afterTenMinutes = await residentBytes(url);
      const afterOneMinute = await early;
      return { afterOneMinute, afterTenMinutes, ratio: afterTenMinutes / afterOneMinute };
    },
  };
}

async function residentBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]);
}
