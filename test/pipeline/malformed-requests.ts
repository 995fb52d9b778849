import { Random } from "../../core/index.ts";

/** A request that no client should send. */
export interface MalformedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const CHAT = "/v1/chat/completions";
const JSON_HEADERS = { "content-type": "application/json" };
const question = { role: "user", content: "When is high water?" };

/** Whole bodies that are wrong in one known way. */
const LISTED: readonly [path: string, body: unknown][] = [
  [CHAT, null],
  [CHAT, []],
  [CHAT, "text"],
  [CHAT, 7],
  [CHAT, {}],
  [CHAT, { model: "base" }],
  [CHAT, { model: "nothing", messages: [question] }],
  [CHAT, { model: "foreword@../x", messages: [question] }],
  [CHAT, { model: "base", messages: "hi" }],
  [CHAT, { model: "base", messages: [null] }],
  [CHAT, { model: "base", messages: [{ role: "tool", content: "x" }] }],
  [CHAT, { model: "base", messages: [{ role: "user" }] }],
  [CHAT, { model: "base", messages: [{ role: "user", content: [] }] }],
  [CHAT, { model: "base", messages: [{ role: "user", content: [{ type: "text" }] }] }],
  [CHAT, { model: "base", messages: [{ role: "user", content: [{ type: "prompt_embeds" }] }] }],
  [CHAT, { model: "base", messages: [question], max_tokens: 0 }],
  [CHAT, { model: "base", messages: [question], n: 1e9 }],
  [CHAT, { model: "base", messages: [question], stop: Array(33).fill("x") }],
  [CHAT, { model: "base", messages: [question], top_logprobs: 3 }],
  [CHAT, { model: "base", messages: [question], tools: [{}] }],
  [CHAT, { model: "base", messages: [question], response_format: { type: "json_schema" } }],
  [CHAT, { model: "base", messages: [question], seed: 1.5 }],
  ["/v1/completions", { model: "base", prompt: [-1] }],
  ["/v1/completions", { model: "base", prompt: [[]] }],
  ["/v1/completions", { model: "base", prompt: "x", logprobs: 99 }],
  ["/v1/embeddings", { model: "x", input: [] }],
  ["/v1/embeddings", { model: "x", input: [1, "a"] }],
  ["/v1/embeddings", { model: "x", input: "a", encoding_format: "int8" }],
];

/** Hardly any field takes these. */
export const WRONG_VALUES: readonly unknown[] = [
  {},
  [[]],
  "x",
  -1,
  1e308,
  0.5,
  true,
  { __proto__: { polluted: true } },
  [null],
  "\u0000\ud800",
  "9".repeat(400),
];

/** Fields whose wrong values must be refused: the value before is right, and none of {@link WRONG_VALUES} is, but those listed. */
const FIELDS: Readonly<Record<string, readonly unknown[]>> = {
  messages: [],
  temperature: [0.5],
  top_p: [0.5],
  n: [],
  stream: [true],
  seed: [-1],
  max_tokens: [],
  logprobs: [true],
  stream_options: [{}, { __proto__: { polluted: true } }],
};

/** `count` requests, the listed ones first; the same for the same seed. Each is wrong: a 4xx is the only right response. */
export function malformedRequests(count: number, seed: number): MalformedRequest[] {
  const random = new Random(seed);
  const requests = LISTED.map(([path, body]) => post(path, JSON.stringify(body)));
  const makers = [wrongField, cutJson, noise, wrongAddress, deepJson];
  while (requests.length < count) requests.push(makers[random.integer(makers.length)]!(random));
  return requests.slice(0, count);
}

export const post = (
  path: string,
  body: string,
  headers: Record<string, string> = {},
): MalformedRequest => ({
  method: "POST",
  path,
  body,
  headers: { ...JSON_HEADERS, ...headers },
});

function wrongField(random: Random): MalformedRequest {
  const names = Object.keys(FIELDS);
  const name = names[random.integer(names.length)]!;
  const allowed = (FIELDS[name] ?? []).map((value) => JSON.stringify(value));
  const wrong = WRONG_VALUES.filter((value) => !allowed.includes(JSON.stringify(value)));
  const body = { model: "base", messages: [question] };
  return post(CHAT, JSON.stringify({ ...body, [name]: wrong[random.integer(wrong.length)] }));
}

function cutJson(random: Random): MalformedRequest {
  const whole = JSON.stringify({ model: "base", messages: [question] });
  return post(CHAT, whole.slice(0, 1 + random.integer(whole.length - 1)));
}

function noise(random: Random): MalformedRequest {
  const letters = Array.from({ length: 1 + random.integer(300) }, () =>
    String.fromCharCode(32 + random.integer(900)),
  );
  const charsets = ["utf-8", "utf-7", "x"];
  const type = `application/json; charset=${charsets[random.integer(charsets.length)]}`;
  return post(CHAT, `{"model":${letters.join("")}`, { "content-type": type });
}

function wrongAddress(random: Random): MalformedRequest {
  const paths = ["/v1/chat", "/v1/models/%E0%A4%A", "/v1/models/..%2f..", "/v2", "/api/jobs", "//"];
  const methods = ["GET", "PUT", "DELETE", "PATCH"];
  const path = paths[random.integer(paths.length)]!;
  const method = methods[random.integer(methods.length)]!;
  return { method, path, body: "", headers: {} };
}

function deepJson(random: Random): MalformedRequest {
  const depth = 1000 + random.integer(20_000);
  const deep = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  return post(CHAT, `{"model":"base","messages":${deep}}`);
}
