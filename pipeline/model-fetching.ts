import type { Log } from "../core/index.ts";
import { type ResolvedModel, resolveModel } from "../runtime/index.ts";
import type { Progress, Terminal } from "./terminal.ts";

/** Resolves a model and shows on the terminal what is fetched. @throws RagError as resolveModel */
export async function fetchModel(
  name: string,
  options: {
    readonly cacheFolder: string;
    readonly terminal: Terminal;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<ResolvedModel> {
  const { cacheFolder, terminal, log, signal } = options;
  let progress: Progress | undefined;
  const announced = new Set<string>();
  try {
    return await resolveModel(name, {
      cacheFolder,
      signal,
      log,
      onWait: () => terminal.note(`Waiting for another process that is fetching ${name}…`),
      onProgress: ({ file, receivedBytes, totalBytes, source }) => {
        if (!announced.has(source)) terminal.note(`Fetching ${name} from ${source}…`);
        announced.add(source);
        progress ??= terminal.progress("MB");
        progress.update(megabytes(receivedBytes), Math.max(1, megabytes(totalBytes)), file);
      },
    });
  } finally {
    progress?.end();
  }
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
