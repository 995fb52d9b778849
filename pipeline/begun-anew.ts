import type { TuneEvent } from "../ptuning/index.ts";

/** The line for a training that was to be resumed and begins anew: its name, so that a wrong one is seen, and what is damaged. */
export const begunAnewLine = ({
  prompt,
  problem,
}: TuneEvent & { readonly event: "anew" }): string =>
  problem === null
    ? `prompt "${prompt}": there is nothing to resume, so its training begins anew.`
    : `${problem} Its training begins anew.`;
