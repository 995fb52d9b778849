import { createContext, Script } from "node:vm";
import { Template } from "@huggingface/jinja";

/** As many as Jinja's own sandbox allows. */
const MAX_RANGE = 100_000;
/** Real templates take a millisecond; the rest is for a machine that is busy. */
const MAX_MS = 5000;

/**
 * Renders the Jinja source of a chat template, which comes with a model and is not trusted: `range` gives at most 100,000 numbers,
 * since the library makes a list of them all, and what takes longer than five seconds (loops in loops) is stopped.
 * @throws what the library throws, or the template raises
 */
export const renderTemplate = (
  source: string,
  context: Readonly<Record<string, unknown>>,
): string => withinTime(() => render(source, context));

function render(source: string, context: Readonly<Record<string, unknown>>): string {
  const template = new Template(source);
  // The library does not let a context replace what it defines itself; a template may.
  template.parsed.body.unshift(...new Template("{% set range = limited_range %}").parsed.body);
  return template.render({ ...context, limited_range: limitedRange });
}

function limitedRange(first: unknown, second?: unknown, by: unknown = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (!Number.isFinite(start) || !Number.isFinite(stop) || !Number.isFinite(by) || by === 0) {
    throw new Error("range: expected numbers, and a step other than 0");
  }
  const [from, step] = [Number(start), Number(by)];
  const count = Math.max(0, Math.ceil((Number(stop) - from) / step));
  if (count > MAX_RANGE) {
    throw new Error(`range: asks for ${count} numbers, more than ${MAX_RANGE}`);
  }
  return Array.from({ length: count }, (_, i) => from + i * step);
}

const called = createContext({ work: undefined as unknown });
const call = new Script("work()");

/** Nothing else stops a loop that never waits; what it calls outside the script is stopped with it. */
function withinTime(work: () => string): string {
  called["work"] = work;
  return call.runInContext(called, { timeout: MAX_MS }) as string;
}
