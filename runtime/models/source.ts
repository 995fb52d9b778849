import type { Log } from "../../core/index.ts";
import type { CatalogueFile, CatalogueModel } from "./catalogue.ts";

/** How far one file has come. */
export interface ModelProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** Name of the source, for people. */
  readonly source: string;
}

/** What a source is asked for. */
export interface SourceRequest {
  readonly model: CatalogueModel;
  readonly missing: readonly CatalogueFile[];
  /** Where the files go, each at its `path`. May hold the beginning of a file from an interrupted attempt. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ModelProgress) => void;
  readonly log: Log;
}

/** A place models come from. Its files are not trusted: the store checks every one. */
export interface ModelSource {
  /** What this source is for the model, for people: "Hugging Face hub (owner/name)". */
  describe(model: CatalogueModel): string;
  /** Puts every missing file into the folder, or fails with an error whose message is the reason. */
  fetch(request: SourceRequest): Promise<void>;
}
