import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Random } from "../../core/index.ts";
import { ingest } from "../../ingest/index.ts";
import { openCorpus } from "../../retriever/index.ts";
import { EMBEDDERS, writeBase } from "./campaign-documents.ts";
import type { WorkerLine } from "./store-worker.ts";

export interface CampaignResult {
  readonly kills: number;
  /** Kills that fell into the middle of each kind of work. */
  readonly within: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  /** What was wrong, with the number of the kill; empty when nothing was lost. */
  readonly problems: readonly string[];
}

export interface CampaignOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onKill?: (kill: number) => void;
}

/** A worker is killed after at most so many lines, whatever the machine's speed, and so long after the last of them. */
const MOST_LINES = 10;
const LONGEST_DELAY_MS = 120;

/** What a document may be found as: several versions while a change of it is neither acknowledged nor seen. */
type Allowed = Map<string, Set<number | null>>;
type Changes = Readonly<Record<string, number | null>>;

/** What the killed processes leave to be held against what the next one finds. */
interface Expected {
  readonly allowed: Allowed;
  /** Documents of a restore that was under way: all as they were, or all as they shall be. */
  together: Changes;
}

/** The process that is killed; see there. */
export const WORKER = join(import.meta.dirname, "store-worker.ts");

/**
 * Kills processes that change one store, at random moments, with SIGKILL. Each next process is a fresh one that checks what the
 * kill left before it goes on changing.
 */
export async function killCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const root = await mkdtemp(join(tmpdir(), "foreword-campaign-"));
  const random = new Random(options.seed);
  const expected: Expected = { allowed: new Map(), together: {} };
  const within: Record<string, number> = {};
  const problems: string[] = [];
  let acknowledged = 0;
  try {
    await prepareStore(root);
    for (let kill = 0; kill <= options.kills; kill++) {
      const isLast = kill === options.kills;
      const moment = {
        afterLines: isLast ? 0 : random.integer(MOST_LINES),
        delayMs: isLast ? 0 : random.integer(LONGEST_DELAY_MS),
      };
      const lines = await runUntilKilled(root, random.integer(2 ** 31), moment);
      const { problems: found, doing, done } = follow(lines, expected);
      problems.push(...found.map((problem) => `kill ${kill}: ${problem}`));
      acknowledged += done;
      if (doing && !isLast) within[doing] = (within[doing] ?? 0) + 1;
      options.onKill?.(kill);
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  return { kills: options.kills, within, acknowledged, problems };
}

/** A store large enough for a graph, and an empty folder `docs` beside it. */
export async function prepareStore(root: string): Promise<void> {
  const embedder = EMBEDDERS[0];
  const storeFolder = join(root, "store");
  await mkdir(join(root, "docs"));
  await writeBase(root);
  const corpus = openCorpus(storeFolder, { embedder, create: true });
  await ingest({ paths: ["base.jsonl"], root, corpus, embedder, storeFolder });
  corpus.close();
}

/** Lines of a worker that is killed some time after its check and so many lines more. */
async function runUntilKilled(
  root: string,
  seed: number,
  { afterLines, delayMs }: { readonly afterLines: number; readonly delayMs: number },
): Promise<WorkerLine[]> {
  const child = spawn(process.execPath, ["--import", "tsx", WORKER, root, String(seed)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text) => errors.push(text));
  const lines: WorkerLine[] = [];
  let timer: NodeJS.Timeout | undefined;
  for await (const text of createInterface({ input: child.stdout })) {
    // The last line may be cut.
    if (!text.endsWith("}")) continue;
    lines.push(JSON.parse(text));
    if (lines.length === 1 + afterLines) timer = setTimeout(() => child.kill("SIGKILL"), delayMs);
  }
  clearTimeout(timer);
  if (errors.length > 0) throw new Error(`a worker failed: ${errors.join("")}`);
  return lines;
}

/** Holds a worker's lines against what may be; afterwards `expected` is what the next one may find. */
function follow(lines: readonly WorkerLine[], expected: Expected) {
  const { allowed } = expected;
  const problems: string[] = [];
  let doing: string | undefined;
  let done = 0;
  let changes: Changes = {};
  const settle = (id: string) => {
    allowed.set(id, new Set([changes[id] ?? null]));
    done++;
  };
  for (const line of lines) {
    if ("checked" in line) problems.push(...compare(line.checked, expected));
    else if ("begin" in line) {
      doing = line.begin;
      changes = line.changes;
      for (const [id, version] of Object.entries(changes)) {
        allowed.set(id, new Set([...(allowed.get(id) ?? [null]), version]));
      }
    } else if ("done" in line) settle(line.done);
    else {
      for (const id of Object.keys(changes)) settle(id);
      doing = undefined;
    }
  }
  expected.together = doing === "restore" ? changes : {};
  if (!lines.some((line) => "checked" in line)) problems.push("the check did not come to its end");
  return { problems, doing, done };
}

function compare(
  { versions, problems }: Extract<WorkerLine, { checked: object }>["checked"],
  { allowed, together }: Expected,
): string[] {
  const wrong = [...problems];
  const changed = Object.entries(together);
  const arrived = changed.filter(([id, version]) => (versions[id] ?? null) === version).length;
  if (arrived > 0 && arrived < changed.length) {
    wrong.push(`${arrived} of ${changed.length} documents of a backup were restored`);
  }
  for (const id of new Set([...allowed.keys(), ...Object.keys(versions)])) {
    const found = versions[id] ?? null;
    const may = allowed.get(id) ?? new Set([null]);
    if (!may.has(found)) wrong.push(`${id}: found ${found}, expected ${[...may].join(" or ")}`);
    allowed.set(id, new Set([found]));
  }
  return wrong;
}
