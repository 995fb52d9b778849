import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  type Filter,
  MAX_QUERY_CHARACTERS,
  openRetriever,
  parseFilter,
} from "../../retriever/index.ts";
import { fusionWeights } from "../../retriever/search/fusion-weights.ts";
import { keywordExpression } from "../../retriever/search/keyword-query.ts";
import { keywordText } from "../../retriever/search/keyword-text.ts";
import { fuseRanks, fuseScores } from "../../retriever/search/score-fusion.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestStore } from "./store.ts";

async function storeOf(t: TestContext, texts: Readonly<Record<string, string>>) {
  const store = await openTestStore();
  t.after(() => store.close());
  for (const [id, text] of Object.entries(texts)) await store.put(id, text);
  return { store, retriever: await openRetriever(store.folder, store) };
}

test("keyword expressions quote every word and drop those that say nothing", () => {
  assert.equal(keywordExpression("What is the Lamp's oil?"), '"lamp" OR "oil"');
  assert.equal(keywordExpression("is it the"), '"is" OR "it" OR "the"');
  assert.equal(keywordExpression('lamp" OR NEAR('), '"lamp" OR "near"');
  assert.equal(keywordExpression("?!"), undefined);
});

test("soft hyphens and word joiners part no word, in texts and in queries", async (t) => {
  const { retriever } = await storeOf(t, {
    a: "Die Donau\u00addampf\u00adschifffahrt ruht.",
    b: "Der Leucht\u2060turm\ufeffwärter wacht.",
    c: "Die Eisenbahn fährt.",
  });
  const find = async (query: string) =>
    (await retriever.search(query, { mode: "keyword", k: 3 })).results.map(
      ({ documentId }) => documentId,
    );
  assert.deepEqual(await find("Donaudampfschifffahrt"), ["a"]);
  assert.deepEqual(await find("Leuchtturmwärter"), ["b"]);
  assert.deepEqual(await find("Eisen\u00adbahn"), ["c"]);
});

test("scripts without spaces are indexed in pairs of letters, others as they are", () => {
  assert.equal(keywordText("a lamp"), "a lamp");
  assert.equal(
    keywordText("등대지기가 있다").trim().split(/\s+/).join(" "),
    "등대 대지 지기 기가 있다",
  );
  assert.equal(keywordText("GPU가"), "GPU 가 ");
  assert.equal(keywordExpression("灯"), '"灯"*');
});

test("a Korean word is found with another ending, and in the middle of a compound", async (t) => {
  const { retriever } = await storeOf(t, {
    a: "등대는 항구의 북쪽에 서 있다.",
    b: "시장은 매주 목요일에 열린다.",
    c: "東京の灯台守は毎晩ランプを点けた。",
  });
  const find = async (query: string) =>
    (await retriever.search(query, { mode: "keyword", k: 1 })).results[0]?.documentId;
  assert.equal(await find("등대가 어디에 있나요"), "a");
  assert.equal(await find("목요일"), "b");
  assert.equal(await find("灯台"), "c");
});

test("what can be written in several ways is found in any of them", async (t) => {
  const { retriever } = await storeOf(t, {
    a: "등대는 항구의 북쪽에 서 있다.".normalize("NFD"),
    b: "ﾗﾝﾌﾟは毎晩点けられた。",
    c: "The ﬁrst ｌａｍｐ was lit in ２０１９.",
  });
  const find = async (query: string) =>
    (await retriever.search(query, { mode: "keyword", k: 1 })).results[0]?.documentId;
  assert.equal(await find("등대"), "a");
  assert.equal(await find("등대".normalize("NFD")), "a");
  assert.equal(await find("ランプ"), "b");
  assert.equal(await find("ラ"), "b");
  for (const word of ["first", "lamp", "2019", "ＬＡＭＰ"]) assert.equal(await find(word), "c");
});

test("score fusion weighs each list relative to its best", () => {
  const fused = fuseScores([
    {
      entries: [
        { id: 1, score: 0.8 },
        { id: 2, score: 0.4 },
      ],
      weight: 0.5,
    },
    {
      entries: [
        { id: 2, score: 10 },
        { id: 3, score: 1 },
      ],
      weight: 0.5,
    },
  ]);
  assert.deepEqual(fused, [
    { id: 2, score: 0.75 },
    { id: 1, score: 0.5 },
    { id: 3, score: 0.05 },
  ]);
  const onlyDense = [{ entries: [{ id: 1, score: -0.1 }], weight: 1 }];
  assert.deepEqual(fuseScores(onlyDense), [{ id: 1, score: 0 }]);
});

test("what a cut list does not name counts as its last, what a whole one does not name as nothing", () => {
  const list = (isCut: boolean, ...entries: (readonly [id: number, score: number])[]) => ({
    entries: entries.map(([id, score]) => ({ id, score })),
    weight: 0.5,
    isCut,
  });
  const dense = list(true, [1, 0.8], [2, 0.6]);
  const words = [
    [3, 10],
    [2, 5],
  ] as const;
  const share = (score: number) => (0.5 * score) / 0.8;
  assert.deepEqual(fuseScores([dense, list(false, ...words)]), [
    { id: 3, score: share(0.6) + 0.5 },
    { id: 2, score: share(0.6) + 0.25 },
    { id: 1, score: 0.5 },
  ]);
  const bothCut = fuseScores([dense, list(true, ...words)]);
  assert.deepEqual(bothCut[1], { id: 1, score: 0.75 });
  assert.deepEqual(fuseScores([list(true), list(false)]), []);
});

test("rank fusion adds up reciprocal ranks by hand", () => {
  const fused = fuseRanks([
    {
      entries: [
        { id: 1, score: 9 },
        { id: 2, score: 1 },
      ],
      weight: 1,
    },
    {
      entries: [
        { id: 2, score: 5 },
        { id: 3, score: 4 },
      ],
      weight: 1,
    },
  ]);
  assert.deepEqual(
    fused.map(({ id, score }) => [id, score.toFixed(6)]),
    [
      [2, (1 / 22 + 1 / 21).toFixed(6)],
      [1, (1 / 21).toFixed(6)],
      [3, (1 / 22).toFixed(6)],
    ],
  );
});

test("words count more where the embedder does not know the language", () => {
  const embedder = hashEmbedder();
  const of = (tokens: number, unknown: number) =>
    fusionWeights("four words of text", {
      ...embedder,
      countTokens: () => tokens,
      countUnknown: () => unknown,
    }).keyword;
  assert.equal(of(5, 0), 0.45);
  assert.equal(of(20, 0), 0.9);
  assert.equal(of(8, 4), 0.9);
  assert.ok(of(13, 0) > 0.45 && of(13, 0) < 0.9);
});

test("filters: equality, lists, bounds, and, or; in every mode, and counted inside the search", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  for (let year = 1990; year < 2020; year++) {
    await store.put(`d${year}`, `lamp report of the year ${year}`, {
      metadata: { year, isFinal: year % 2 === 0, kind: year < 2000 ? "old" : "new" },
      ...(year === 2005 ? { collection: "special" } : {}),
    });
  }
  const retriever = await openRetriever(store.folder, store);
  const found = async (filter: Filter, mode: "dense" | "keyword" | "hybrid") => {
    const { results } = await retriever.search("lamp report", { filter, mode, k: 50 });
    return results.map(({ documentId }) => documentId).sort();
  };
  const cases: [Filter, readonly string[]][] = [
    [{ year: 1999 }, ["d1999"]],
    [{ year: { gt: 2017, lte: 2019 } }, ["d2018", "d2019"]],
    [{ year: { in: [1990, 2001, 3000] } }, ["d1990", "d2001"]],
    [{ kind: "old", year: { gte: 1998 } }, ["d1998", "d1999"]],
    [
      { or: [{ year: { lt: 1991 } }, { and: [{ isFinal: true }, { year: { gt: 2017 } }] }] },
      ["d1990", "d2018"],
    ],
    [{ collection: "special" }, ["d2005"]],
    [{ document: "d2010" }, ["d2010"]],
    [{ year: "1999" }, []],
    [{ nothing: 1 }, []],
    [{ kind: { gt: 5 } }, []],
  ];
  for (const [filter, expected] of cases) {
    for (const mode of ["dense", "keyword", "hybrid"] as const) {
      assert.deepEqual(await found(filter, mode), expected, `${mode} ${JSON.stringify(filter)}`);
    }
  }
});

test("true is not 1, and a key is found whatever characters it is written with", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  await store.put("truth", "lamp", { metadata: { yes: true, no: false } });
  await store.put("number", "lamp", { metadata: { yes: 1, no: 0, "a\\b": "v", "é\n'": "w" } });
  await store.put("text", "lamp", { metadata: { yes: "true", no: "0" } });
  const found = (raw: unknown) =>
    [...store.corpus.documents(parseFilter(raw, "filter"))].map(({ id }) => id);
  const cases: [unknown, readonly string[]][] = [
    [{ yes: true }, ["truth"]],
    [{ yes: 1 }, ["number"]],
    [{ yes: "true" }, ["text"]],
    [{ no: false }, ["truth"]],
    [{ no: { in: [0, true] } }, ["number"]],
    [{ yes: { in: [1, true, "x"] } }, ["number", "truth"]],
    [{ yes: { gte: 0 } }, ["number"]],
    [{ yes: { in: [] } }, []],
    [{ "a\\b": "v" }, ["number"]],
    [{ "a\\b": { in: ["v"] } }, ["number"]],
    [{ "é\n'": "w" }, ["number"]],
    [{ source: true }, []],
  ];
  for (const [filter, expected] of cases) {
    assert.deepEqual(found(filter), expected, JSON.stringify(filter));
  }
});

test("a filter nested too deeply is refused before it is looked at, and so is a condition that tests nothing", () => {
  const nested = (depth: number, name: string) => {
    let filter: object = { year: 1 };
    for (let i = 0; i < depth; i++) filter = { [name]: [{ year: 2 }, filter] };
    return filter;
  };
  for (const name of ["and", "or"]) {
    parseFilter(nested(20, name), "--filter");
    for (const depth of [21, 50_000]) {
      assert.throws(() => parseFilter(nested(depth, name), "--filter"), {
        code: "config/invalid",
        message: /^--filter: is nested more than 20 deep; /,
      });
    }
  }
  assert.throws(() => parseFilter({ or: [{ year: {} }] }, "--filter"), {
    code: "config/invalid",
    message: /^--filter: or\[0\]\.year: expected .*one of eq, in, lt, lte, gt, gte/,
  });
});

test("a filter that is none is refused by name; its names and values are never SQL", async (t) => {
  assert.throws(() => parseFilter({ year: { near: 5 } }, "--filter"), { code: "config/invalid" });
  assert.throws(() => parseFilter({ or: "x" }, "--filter"), { code: "config/invalid" });
  const { retriever } = await storeOf(t, { a: "lamp" });
  const search = (filter: Filter) => retriever.search("lamp", { filter });
  assert.deepEqual((await search({ "x') OR 1=1 --": 1 })).results, []);
  assert.deepEqual((await search({ title: "' OR 1=1 --" })).results, []);
  for (const name of ["constructor", "toString", "__proto__"]) {
    assert.deepEqual((await search({ [name]: "x" })).results, []);
  }
  const many = Array.from({ length: 500 }, (_, index) => `${index}`);
  const tooMany = { or: many.map(() => ({ title: { in: many } })) };
  const titles: Filter[] = many.map((title) => ({ title }));
  const tooDeep = { or: [{ or: [{ or: titles }, ...titles] }, ...titles] };
  for (const filter of [tooMany, tooDeep]) {
    await assert.rejects(search(filter), { code: "config/invalid", message: /has too many terms/ });
  }
  await assert.rejects(search({ 'a"b': 1 }), { code: "config/invalid", message: /quotes/ });
});

test("diversity prefers another passage to a copy of the first", async (t) => {
  const { retriever } = await storeOf(t, {
    a: "the lamp burns colza oil at night",
    b: "the lamp burns colza oil at night",
    c: "the lamp room has a brass door",
  });
  const ids = async (diversity?: number) =>
    (
      await retriever.search("what lamp burns colza oil", {
        k: 2,
        ...(diversity === undefined ? {} : { diversity }),
      })
    ).results.map(({ documentId }) => documentId);
  assert.deepEqual(await ids(), ["a", "b"]);
  assert.deepEqual(await ids(0.3), ["a", "c"]);
});

test("results below a score are left out, k may be zero or more than there are", async (t) => {
  const { retriever } = await storeOf(t, { a: "lamp oil", b: "harbour wall" });
  const search = async (options: object) => (await retriever.search("lamp oil", options)).results;
  assert.deepEqual(
    (await search({ minScore: 0.6 })).map(({ documentId }) => documentId),
    ["a"],
  );
  assert.deepEqual(await search({ k: 0 }), []);
  assert.equal((await search({ k: 900 })).length, 2);
});

test("a reranker has its say over the best candidates", async (t) => {
  const { retriever } = await storeOf(t, { a: "lamp oil", b: "lamp wick", c: "lamp glass" });
  const seen: string[] = [];
  const { results } = await retriever.search("lamp oil", {
    k: 2,
    rerank: {
      depth: 3,
      weight: 1,
      score: async (_, passages) =>
        passages.map(({ text }) => {
          seen.push(text);
          return text === "lamp glass" ? 1 : 0;
        }),
    },
  });
  assert.equal(seen.length, 3);
  assert.equal(results[0]?.documentId, "c");
  assert.equal(results.length, 2);
});

test("of an endless query only the beginning is embedded, counted and reranked", async (t) => {
  const seen: string[] = [];
  const plain = hashEmbedder();
  const store = await openTestStore({
    ...plain,
    embed: async (texts, options) => {
      if (options?.kind === "query") seen.push(...texts);
      return plain.embed(texts, options);
    },
    countTokens: (text) => seen.push(text),
  });
  t.after(() => store.close());
  for (const id of ["a", "b"]) await store.put(id, `lamp oil ${id}`);
  const retriever = await openRetriever(store.folder, store);
  const rerank = {
    depth: 2,
    weight: 1,
    score: async (query: string) => [seen.push(query), 0],
  };
  const endless = "lamp ".repeat(100_000);
  const { results } = await retriever.search(endless, { rerank });
  assert.equal(results.length, 2);
  assert.deepEqual(new Set(seen), new Set([endless.slice(0, MAX_QUERY_CHARACTERS)]));
  assert.equal(seen.length, 3);
  assert.equal((await retriever.searchMany([endless], { rerank }))[0]!.length, 2);
  assert.equal(new Set(seen).size, 1);
});

const fixed = (scores: Readonly<Record<string, number>>, depth: number, weight: number) => ({
  depth,
  weight,
  score: async (_: string, passages: readonly { readonly text: string }[]) =>
    passages.map(({ text }) => scores[text] ?? 0),
});
const order = (results: readonly { readonly documentId: string }[]) =>
  results.map(({ documentId }) => documentId).join("");

test("a reranked result tells the reranker's score; equal ones stay in their order", async (t) => {
  const { retriever } = await storeOf(t, {
    a: "lamp oil",
    b: "lamp oil wick",
    c: "lamp",
    d: "lamp oil glass chimney",
  });
  const plain = (await retriever.search("lamp oil", { k: 4 })).results;
  const search = async (options: object) =>
    (await retriever.search("lamp oil", { k: 4, ...options })).results;
  const same = await search({ rerank: fixed({}, 4, 1) });
  assert.equal(order(same), order(plain));
  assert.ok(same.every(({ rerankScore, score }) => rerankScore === 0 && score === 1));
  const some = await search({ rerank: fixed({ lamp: -3, "lamp oil": -5 }, 4, 1) });
  assert.deepEqual(
    some.map(({ rerankScore }) => rerankScore),
    [0, 0, -3, -5],
  );
  assert.equal(order(some).slice(2), "ca");
  const ignored = await search({ rerank: fixed({ lamp: 9 }, 4, 0) });
  assert.equal(order(ignored), order(plain));
});

test("what lies beyond the depth of reranking stays behind it", async (t) => {
  const { retriever } = await storeOf(t, { a: "lamp oil", b: "lamp wick", c: "lamp", d: "wall" });
  const plain = order((await retriever.search("lamp oil", { k: 4 })).results);
  const reranked = async (k: number, depth: number) =>
    (await retriever.search("lamp oil", { k, rerank: fixed({ "lamp oil": -1 }, depth, 1) }))
      .results;
  const all = await reranked(40, 2);
  assert.equal(order(all), plain[1]! + plain[0]! + plain.slice(2));
  assert.deepEqual(
    all.map(({ rerankScore }) => rerankScore === undefined),
    [false, false, true, true],
  );
  assert.ok(all.every(({ score }, index) => index === 0 || score <= all[index - 1]!.score));
  assert.equal(order(await reranked(1, 2)), plain[1]);
  assert.deepEqual(await reranked(0, 2), []);
});

test("variety is picked from the reranked order", async (t) => {
  const { retriever } = await storeOf(t, { a: "lamp oil", b: "lamp oil", c: "lamp glass" });
  const rerank = fixed({ "lamp oil": 2, "lamp glass": 1 }, 3, 1);
  const search = async (options: object) =>
    order((await retriever.search("lamp oil", { k: 2, rerank, ...options })).results);
  assert.equal(await search({}), "ab");
  assert.equal(await search({ diversity: 0.3 }), "ac");
});

test("a reranker that breaks is named; an abort comes before it", async (t) => {
  const { retriever } = await storeOf(t, { a: "lamp oil", b: "lamp wick" });
  const search = (score: (count: number) => number[], signal?: AbortSignal) =>
    retriever.search("lamp", {
      signal,
      rerank: { depth: 5, weight: 1, score: async (_, passages) => score(passages.length) },
    });
  const wrong = { code: "engine/failed", message: /^reranker: expected 2 numbers/ };
  await assert.rejects(
    search(() => [1]),
    wrong,
  );
  await assert.rejects(
    search(() => [1, Number.NaN]),
    { ...wrong, message: /NaN/ },
  );
  const controller = new AbortController();
  const asked = search(() => assert.fail("is not asked"), controller.signal);
  controller.abort();
  await assert.rejects(asked, { name: "AbortError" });
});

test("neighbours widen a result to the chunks around it, once", async (t) => {
  const { retriever } = await storeOf(t, { a: "one\n\ntwo lamp\n\nthree\n\nfour" });
  const { results } = await retriever.search("two lamp", { k: 4, neighbours: 1 });
  assert.equal(results[0]?.text, "one\n\ntwo lamp\n\nthree");
  assert.equal(results[0]?.start, 0);
});

test("diversity and neighbours out of range are refused by every search", async (t) => {
  const { retriever } = await storeOf(t, { a: "one\n\ntwo lamp\n\nthree\n\nfour" });
  const [vector] = await hashEmbedder().embed(["lamp"]);
  for (const options of [
    { neighbours: 1.5 },
    { neighbours: -1 },
    { neighbours: 101 },
    { neighbours: Number.NaN },
    { diversity: 3 },
    { diversity: -0.1 },
    { diversity: Number.NaN },
  ]) {
    const [name] = Object.keys(options);
    const refused = {
      code: "config/invalid",
      message: new RegExp(`^${name}: expected a .*number`),
    };
    await assert.rejects(retriever.search("lamp", options), refused);
    await assert.rejects(retriever.searchMany(["lamp"], options), refused);
    await assert.rejects(retriever.searchByVector(vector!, options), refused);
  }
});

test("similarity is the cosine in every mode that embeds", async (t) => {
  const { retriever } = await storeOf(t, { a: "lamp oil", b: "harbour wall" });
  const { results } = await retriever.search("lamp oil", { k: 2 });
  assert.ok(Math.abs(results[0]!.similarity! - 1) < 1e-5);
  const keyword = await retriever.search("lamp oil", { mode: "keyword" });
  assert.equal(keyword.results[0]?.similarity, undefined);
});

test("vectors that are no numbers or of another length are refused", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  const document = {
    id: "x",
    source: "x",
    title: "",
    format: "txt",
    hash: "",
    text: "x",
    metadata: {},
  };
  const chunk = { start: 0, end: 1, heading: [], text: "x" };
  const put = (vector: Float32Array) => store.corpus.putDocument(document, [chunk], [vector]);
  assert.throws(() => put(new Float32Array(32).fill(Number.NaN)), { code: "store/mismatch" });
  assert.throws(() => put(new Float32Array(31)), { code: "store/mismatch", message: /31/ });
  assert.equal(store.corpus.counts().documents, 0);
  put(new Float32Array(32));
  const retriever = await openRetriever(store.folder, store);
  assert.equal((await retriever.search("x", { mode: "dense" })).results.length, 1);
});
