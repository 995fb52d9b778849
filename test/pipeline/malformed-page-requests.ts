import { Random } from "../../core/index.ts";
import { type MalformedRequest, post, WRONG_VALUES } from "./malformed-requests.ts";

const TUNE = {
  kind: "tune",
  questions: "qa.jsonl",
  settings: { name: "mine" },
  testQuestions: 2,
};
const INGEST = { kind: "ingest", files: ["a.md"] };

/** Of POST: a whole body, to be made wrong in one field. */
const BODIES: readonly [path: string, body: Readonly<Record<string, unknown>>][] = [
  ["/api/jobs", TUNE],
  ["/api/jobs", INGEST],
  ["/api/search", { query: "lighthouse", k: 3 }],
];

/** The values among {@link WRONG_VALUES} that are right for a field. */
const RIGHT: Readonly<Record<string, readonly unknown[]>> = {
  query: ["x", "\u0000\ud800", "9".repeat(400)],
  questions: ["x"],
};

/** Addresses that are wrong, whatever is sent. */
const LISTED: readonly [method: string, path: string][] = [
  ["GET", "/api/documents?limit=-1"],
  ["GET", "/api/documents?limit=1001"],
  ["GET", "/api/documents?offset=1.5"],
  ["GET", "/api/documents?offset=x&limit=y"],
  ["GET", "/api/documents?limit=1&limit=2"],
  ["DELETE", "/api/documents"],
  ["DELETE", "/api/documents?id="],
  ["DELETE", "/api/documents?id=a&id=b"],
  ["DELETE", `/api/documents?id=${"a".repeat(5000)}`],
  ["GET", "/api/document"],
  ["GET", "/api/document?id=lighthouse&start=-1"],
  ["GET", "/api/document?id=lighthouse&end=1e10"],
  ["GET", "/api/document?id=lighthouse&start=NaN"],
  ["GET", "/api/uploads/others"],
  ["GET", "/api/uploads/documents%2f.."],
  ["PUT", "/api/uploads/documents/"],
  ["PUT", "/api/uploads/others/a.md"],
  ["POST", "/api/status"],
  ["PUT", "/api/jobs"],
  ["DELETE", "/api/jobs"],
  ["POST", "/api/tune-request"],
  ["GET", "/api/search"],
  ["GET", "/package.json"],
  ["GET", "/scripts"],
  ["GET", "/scripts/..%2f..%2fpackage.json"],
  ["GET", "/.git/config"],
  ["GET", "/%00"],
];

/** Names that no document, job or prompt has, and no upload may have. */
const NAMES: readonly string[] = [
  "..%2f..%2fcorpus.db",
  "%2fetc%2fpasswd",
  "..%5c..%5cx",
  ".hidden",
  "%20x",
  "x.",
  "con",
  "a%3ab",
  "%00",
  "%0a",
  "%E0%A4%A",
  "a".repeat(300),
  "%f0%9f%8f%ae".repeat(60),
];
/** Beside these, what objects have of themselves. */
const ODD_NAMES: readonly string[] = ["__proto__", "constructor", "job-0001"];

/** Where a name stands that is not there, or may not be. */
const NAMED: readonly [method: string, path: (name: string) => string][] = [
  ["PUT", (name) => `/api/uploads/documents/${name}`],
  ["PUT", (name) => `/api/uploads/questions/${name}`],
  ["GET", (name) => `/api/jobs/${name}`],
  ["GET", (name) => `/api/jobs/${name}/events`],
  ["POST", (name) => `/api/jobs/${name}/stop`],
  ["POST", (name) => `/api/jobs/${name}/resume`],
  ["DELETE", (name) => `/api/prompts/${name}`],
  ["GET", (name) => `/api/document?id=${name}`],
  ["DELETE", (name) => `/api/documents?id=${name}`],
];

/** `count` requests to what the page calls, the listed ones first; the same for the same seed. A 4xx is the only right response. */
export function malformedPageRequests(count: number, seed: number): MalformedRequest[] {
  const random = new Random(seed);
  const requests = LISTED.map(([method, path]) => bare(method, path));
  const makers = [wrongName, wrongName, wrongField, wrongSetting, cutBody];
  while (requests.length < count) requests.push(makers[random.integer(makers.length)]!(random));
  return requests.slice(0, count);
}

const bare = (method: string, path: string): MalformedRequest => ({
  method,
  path,
  body: method === "GET" ? "" : "x",
  headers: {},
});

const pick = <Item>(random: Random, items: readonly Item[]): Item =>
  items[random.integer(items.length)]!;

function wrongName(random: Random): MalformedRequest {
  const [method, path] = pick(random, NAMED);
  const names = method === "PUT" ? NAMES : [...NAMES, ...ODD_NAMES];
  return bare(method, path(pick(random, names)));
}

function wrongField(random: Random): MalformedRequest {
  const [path, body] = pick(random, BODIES);
  const name = pick(random, Object.keys(body));
  const right = (RIGHT[name] ?? []).map((value) => JSON.stringify(value));
  const wrong = WRONG_VALUES.filter((value) => !right.includes(JSON.stringify(value)));
  const { [name]: _, ...without } = body;
  const isLeftOut = (name === "query" || name === "kind") && random.integer(4) === 0;
  return post(path, JSON.stringify(isLeftOut ? without : { ...body, [name]: pick(random, wrong) }));
}

/** Settings of a training are known by name, and a prompt's name is a folder's. */
function wrongSetting(random: Random): MalformedRequest {
  const wrong = [
    { name: pick(random, ["../x", "none", "a/b", "", "x".repeat(65), ".x"]) },
    { epochs: pick(random, [-1, 0.5, "x", 1e308, null]) },
    { method: pick(random, ["", "loraa", 7, {}]) },
    { tokens: pick(random, [0, 1e9, [], "x"]) },
    { [pick(random, ["lr", "store", "resumee", "constructor"])]: 1 },
  ];
  const settings = { ...TUNE.settings, ...pick(random, wrong) };
  return post("/api/jobs", JSON.stringify({ ...TUNE, settings }));
}

function cutBody(random: Random): MalformedRequest {
  const [path, body] = pick(random, BODIES);
  const whole = JSON.stringify(body);
  const type = pick(random, ["application/json", "text/plain", "application/json; charset=x"]);
  return post(path, whole.slice(0, 1 + random.integer(whole.length - 1)), { "content-type": type });
}
