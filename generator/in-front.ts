import type { DecoderConfig } from "./config.ts";
import type { GenerationRequest } from "./generation.ts";
import { unrotateRows } from "./rotary-tables.ts";

/**
 * A request whose conditioning stands in front of everything or changes the weights: no keys and values of the frozen model can be
 * used, so all ids come after it. A prefix becomes deep tokens at position 0, whose rotation gives its keys back.
 */
export function withConditioningInFront<
  Request extends Pick<GenerationRequest, "prefixIds" | "ids" | "conditioning">,
>(request: Request, config: DecoderConfig): Request {
  const { conditioning, prefixIds, ids } = request;
  if (conditioning?.kind !== "prefix") return request;
  const { count, values } = conditioning;
  const keys = conditioning.keys.map((key) => unrotateRows(key, config, 0, count));
  return {
    ...request,
    prefixIds: [],
    ids: [...prefixIds, ...ids],
    conditioning: { kind: "deep", count, keys, values },
  };
}
