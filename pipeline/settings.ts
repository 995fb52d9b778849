import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import {
  describeIssue,
  nameIn,
  parseJson,
  RagError,
  type Source,
  systemCode,
  systemReason,
} from "../core/index.ts";
import { PRECISIONS } from "../retriever/index.ts";
import { PROVIDERS } from "../runtime/index.ts";

/** A whole number, or its decimal digits (flags and variables are text). */
function whole(min: number, max: number) {
  const error = `expected a whole number from ${min} to ${max}`;
  const digits = z.string().regex(/^\d{1,9}$/, error);
  return z
    .union([z.number(), digits.transform(Number)], { error })
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, error);
}

/** A number, or its decimal digits. */
function decimal(min: number, max: number) {
  const error = `expected a number from ${min} to ${max}`;
  const digits = z.string().regex(/^-?\d{1,9}(\.\d{1,9})?$/, error);
  return z
    .union([z.number(), digits.transform(Number)], { error })
    .refine((value) => value >= min && value <= max, error);
}

/** A switch, or how a variable writes one. */
const toggle = z.union([
  z.boolean(),
  z.enum(["1", "true", "0", "false", ""]).transform((text) => text === "1" || text === "true"),
]);
const text = z.string().min(1).max(4096);

/** The keys of a setting that separates several by commas; none where it is not set. */
export const apiKeysIn = (apiKey: string | undefined): string[] =>
  (apiKey ?? "")
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");

const apiKeys = text.refine((keys) => apiKeysIn(keys).length > 0, "expected at least one key");

/** How the best passages of a search are ordered again: not at all, or by the model that says how well each fits the question. */
export const RERANKINGS = ["none", "likelihood", "cross-encoder"] as const;

/** Everything that can be set, by whichever way. Defaults are added last, in {@link readSettings}. */
const settable = z.strictObject({
  store: text, // folder of documents, index and learned prompts
  cache: text, // folder of downloaded models
  model: text, // the generator: a name or a path
  modelPrecision: z.enum(["int8", "int4"]), // of a generator's weights that are not in blocks already
  embedder: text,
  embedderPrecision: z.enum(PRECISIONS),
  rerank: z.enum(RERANKINGS), // how the best passages are ordered again
  reranker: text, // of "cross-encoder": its folder
  rerankDepth: whole(2, 200), // passages that are ordered again
  prompt: text, // learned prompt's name, or "none"
  tokens: whole(1, 4096), // of the learned prompt: its first so many
  k: whole(1, 50), // passages
  minSimilarity: decimal(-1, 1), // of the closest passage, for a question to be answered at all
  maxTokens: whole(1, 8192), // of an answer
  threads: whole(1, 256),
  provider: z.enum(PROVIDERS), // where the generator runs
  contextLength: whole(128, 131_072), // tokens of prompt and answer together
  host: text,
  port: whole(0, 65_535),
  apiKey: apiKeys, // any of these is accepted
  queue: whole(0, 10_000), // requests that may wait
  parallel: whole(1, 256), // answers generated at once
  perKey: whole(1, 10_000), // requests one key may have running or waiting
  timeout: whole(1, 86_400), // seconds an answer may take
  json: toggle,
  quiet: toggle,
  debug: toggle,
});
type Settable = Partial<z.infer<typeof settable>>;

/** Without what is set for a server or a terminal. */
const settableByProgram = settable.omit({
  host: true,
  port: true,
  apiKey: true,
  queue: true,
  parallel: true,
  perKey: true,
  timeout: true,
  json: true,
  quiet: true,
  debug: true,
});
type SettableByProgram = z.infer<typeof settableByProgram>;

/** Settings by name as in foreword.config.json; what is left out, or undefined, is the default. */
export type ForewordOptions = {
  readonly [Name in keyof SettableByProgram]?: SettableByProgram[Name] | undefined;
};

/** As the configuration file has them. */
export const SETTING_NAMES = Object.keys(settable.shape);

/** The store of who names none. */
export const DEFAULT_STORE = ".foreword";

const DEFAULTS = {
  store: DEFAULT_STORE,
  model: "smollm2-135m-instruct",
  embedder: "all-minilm-l6-v2",
  rerank: "none",
  host: "127.0.0.1",
  port: 8377,
  queue: 32,
  parallel: 8,
  timeout: 300,
  minSimilarity: 0.2,
  json: false,
  quiet: false,
  debug: false,
} as const;

/** All settings of a command. What has no default is absent unless it was set. */
export type Settings = Readonly<
  Settable & Required<Pick<z.infer<typeof settable>, keyof typeof DEFAULTS | "cache">>
>;

export interface SettingSources {
  /** By setting name, as the command line gives them; undefined where a flag was not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Its `FOREWORD_*` variables are read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file; one that must exist when the user named it. */
  readonly configPath: string;
  readonly isConfigRequired: boolean;
  readonly defaultCache: string;
}

/** The configuration file of a folder, and the variable that names another. */
export const CONFIG_FILE = "foreword.config.json";
export const CONFIG_VARIABLE = "FOREWORD_CONFIG";
const MAX_CONFIG_BYTES = 2 ** 20;

/**
 * Flags win over FOREWORD_* variables, these over the configuration file, it over defaults. Unknown settings are
 * refused by name.
 * @throws RagError config/invalid saying which flag, variable or key, or that the configuration file cannot be read
 */
export function readSettings(sources: SettingSources): Settings {
  const config = readConfig(sources.configPath, sources.isConfigRequired);
  const file = basename(sources.configPath);
  return {
    ...DEFAULTS,
    cache: sources.defaultCache,
    ...parseLayer(config, file),
    ...parseLayer(variables(sources.environment), (name) => `FOREWORD_${upperSnake(name)}`),
    ...parseLayer(withoutUndefined(sources.flags), flagName),
  };
}

/**
 * Settings of a program that opens a store: its options, and defaults.
 * @throws RagError config/invalid saying which option
 */
export function programSettings(options: ForewordOptions, defaultCache: string): Settings {
  const set = parseLayer(withoutUndefined(options), (name) => name, settableByProgram);
  return { ...DEFAULTS, cache: defaultCache, ...set };
}

function parseLayer(raw: unknown, source: Source, settings: z.ZodObject = settable): Settable {
  const result = settings.partial().safeParse(raw);
  if (result.success) return withoutUndefined(result.data) as Settable;
  const names = Object.keys(settings.shape);
  throw new RagError("config/invalid", sentenceAbout(result.error, { raw, source, names }));
}

/** One sentence about the first thing wrong. */
function sentenceAbout(
  error: z.ZodError,
  layer: { readonly raw: unknown; readonly source: Source; readonly names: readonly string[] },
): string {
  const { raw, source, names } = layer;
  const issue = error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    return `${nameIn(source, issue.keys[0]!)}: there is no such setting; settings are ${names.join(", ")}.`;
  }
  const { name, problem, expected } = describeIssue(error, raw, true);
  return `${nameIn(source, name)}: ${name === "apiKey" ? expected : problem}; correct it.`;
}

function readConfig(path: string, isRequired: boolean): unknown {
  const failure = (found: string) =>
    new RagError(
      "config/invalid",
      `${basename(path)}: expected a JSON object of settings, found ${found}; correct the file.`,
    );
  let bytes: Buffer;
  try {
    const { size } = statSync(path);
    if (size > MAX_CONFIG_BYTES) throw failure(`${size} bytes`);
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof RagError) throw cause;
    if (systemCode(cause) === "ENOENT" && !isRequired) return {};
    throw new RagError(
      "config/invalid",
      `${basename(path)}: the configuration file cannot be read (${systemReason(cause)}); check the path.`,
      { cause },
    );
  }
  return parseJson(bytes.toString("utf8"), failure);
}

/** `FOREWORD_MAX_TOKENS` → `maxTokens`. An empty variable counts as not set. */
function variables(environment: Readonly<Record<string, string | undefined>>) {
  return Object.fromEntries(
    Object.entries(environment)
      .filter(([name, value]) => name.startsWith("FOREWORD_") && name !== CONFIG_VARIABLE && value)
      .map(([name, value]) => [camel(name.slice("FOREWORD_".length)), value]),
  );
}

const camel = (name: string) =>
  name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const upperSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
/** The flag of a setting: `maxTokens` → `--max-tokens`. */
export const flagName = (name: string) => `--${kebab(name)}`;
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function withoutUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
