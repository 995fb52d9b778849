import { RagError } from "../../core/index.ts";

/** What a store that was open while its vectors were replaced by those of another embedder says. `now`: that embedder's id. */
export const embedderChanged = (store: string, now: string): RagError =>
  new RagError(
    "store/mismatch",
    `${store}: has got the vectors of ${now} while it was in use, by a reindex or a restore; start again, or open it again, with that embedder.`,
  );
