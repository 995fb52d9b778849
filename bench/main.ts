import { parseArgs } from "node:util";
import { errorMessage, RagError } from "../core/index.ts";
import { saveResult } from "./save-result.ts";

/** One measurement: its lines go to the reader; with `--save` its result to `results/NAME.json`, its plot beside it. */
export interface BenchResult {
  readonly lines: readonly string[];
  readonly result: object;
  /** SVG. */
  readonly plot?: string;
}

export interface BenchOptions {
  /** Says what is going on, on standard error. */
  readonly say: (line: string) => void;
  /** A Python that has the peers (see peers/README.md); without it Foreword is measured alone. */
  readonly python: string | undefined;
  /** The folder in which node-llama-cpp is installed; without it Foreword is measured alone. */
  readonly llamaCpp: string | undefined;
  /** A folder with @huggingface/transformers and an exported model (see peers/README.md). */
  readonly transformersJs: string | undefined;
  /** The file or folder a bench works on, where it needs one. */
  readonly data: string | undefined;
  /** The folder of the stores of data sets (retrieval). */
  readonly stores: string | undefined;
  /** How many vectors (index). */
  readonly count: number;
  /** JSON of filters to search a store with (index). */
  readonly filters: readonly string[];
  readonly threads: number;
  /** How long a server is kept under load (serve). */
  readonly seconds: number;
  /** Ten minutes of load, for memory (serve). */
  readonly isSoak: boolean;
}

const BENCHES: Readonly<
  Record<string, () => Promise<{ bench: (options: BenchOptions) => Promise<BenchResult> }>>
> = {
  embed: () => import("./embed/embed.ts"),
  generate: () => import("./generate/generate.ts"),
  index: () => import("./index/index.ts"),
  ingest: () => import("./ingest/ingest.ts"),
  rerank: () => import("./rerank/rerank.ts"),
  retrieval: () => import("./retrieval/retrieval.ts"),
  serve: () => import("./serve/serve.ts"),
  train: () => import("./train/train.ts"),
  "growth-context": async () => ({ bench: (await import("./growth/growth.ts")).benchContext }),
  "growth-size": async () => ({ bench: (await import("./growth/growth.ts")).benchSize }),
};

/**
 * `npm run bench -- NAME [--json] [--save] [--data PATH] [--stores FOLDER] [--count N] [--filter JSON] [--python PATH] [--llama-cpp FOLDER] [--transformers-js FOLDER] [--threads N] [--seconds N]
 * [--soak]`
 */
async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = readFlags(args);
  const name = positionals[0] ?? "";
  const load = BENCHES[name];
  if (!load) {
    throw wrongUsage(name === "" ? "no bench is named" : `there is no bench ${name}`);
  }
  const { bench } = await load();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { lines, result, plot } = await bench({
    say,
    python: values.python,
    llamaCpp: values["llama-cpp"],
    transformersJs: values["transformers-js"],
    data: values.data,
    stores: values.stores,
    count: count("count", values.count),
    filters: values.filter,
    threads: count("threads", values.threads),
    seconds: count("seconds", values.seconds),
    isSoak: values.soak,
  });
  if (values.save) await saveResult(name, result, plot);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
  return 0;
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        python: { type: "string" },
        "llama-cpp": { type: "string" },
        "transformers-js": { type: "string" },
        data: { type: "string" },
        stores: { type: "string" },
        count: { type: "string", default: "100000" },
        filter: { type: "string", multiple: true, default: [] },
        threads: { type: "string", default: "2" },
        seconds: { type: "string", default: "60" },
        soak: { type: "boolean", default: false },
      },
    });
  } catch (cause) {
    throw wrongUsage(errorMessage(cause).replace(/\.? To specify.*$|\.$/s, ""));
  }
}

function count(flag: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw wrongUsage(`--${flag}: expected a whole number of 1 or more, found "${value}"`);
}

const wrongUsage = (problem: string) =>
  new RagError(
    "config/invalid",
    `${problem}; run npm run bench -- <${Object.keys(BENCHES).join("|")}> [--json] [--save].`,
  );

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  // A bench that fails tells whoever works on it where; who calls it wrongly is told how to.
  if (!(thrown instanceof RagError && thrown.code === "config/invalid")) throw thrown;
  process.stderr.write(`bench: ${thrown.message}\n`);
  process.exitCode = 2;
}
