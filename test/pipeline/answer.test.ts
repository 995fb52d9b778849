import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { GenerationRequest, Generator } from "../../generator/index.ts";
import { type AnswerParts, answerQuestion, wholeAnswer } from "../../pipeline/answer.ts";
import type { AnswerRequest } from "../../pipeline/answerer.ts";
import { completeText } from "../../pipeline/complete.ts";
import type { Passage } from "../../pipeline/passage.ts";
import type { LearnedPrompt } from "../../ptuning/index.ts";
import { countingArray, describePrompt } from "../ptuning/learned-prompts.ts";
import { openTinyGenerator, type TinyGenerator } from "../ptuning/tiny-generator.ts";

const passage: Passage = {
  id: 1,
  documentId: "tides",
  title: "",
  source: "tides.md",
  start: 0,
  end: 460,
  heading: [],
  text: "High water is at noon. ".repeat(20),
  score: 1,
};

const NOTHING = {
  promptTokens: 9,
  cachedTokens: 0,
  completionTokens: 0,
  prefillMs: 1,
  decodeMs: 0,
};

describe("answers of a tiny model of single characters", () => {
  let tiny: TinyGenerator;
  let generator: Generator;
  before(async () => {
    tiny = await openTinyGenerator();
    generator = tiny.generator;
  });
  after(() => tiny.close());

  const ask = (
    request: Partial<AnswerRequest>,
    passages: readonly Passage[] = [passage],
    model = generator,
    learned?: LearnedPrompt,
  ) => {
    const parts: AnswerParts = {
      generator: model,
      retrieve: async () => ({ passages, similarity: 0.9 }),
      choosePrompt: async () => learned,
      minSimilarity: 0.2,
    };
    const whole: AnswerRequest = {
      mode: "bare",
      messages: [{ role: "user", text: "hello there" }],
      sampling: { temperature: 0, topP: 1, seed: 0 },
      stop: [],
      logProbabilities: false,
      maxTokens: 8,
      ...request,
    };
    return wholeAnswer(answerQuestion(parts, whole));
  };
  const asking = (text: string) => ({ messages: [{ role: "user" as const, text }] });

  for (const mode of ["retrieval", "question", "bare"] as const) {
    test(`${mode}: a question that does not fit is told with both numbers`, async () => {
      const question = "x".repeat(2048);
      const message =
        /^This model's maximum context length is 2048 tokens, however (\d+) were requested \((\d+) in the messages, 8 for the answer\)/;
      const refused = { code: "context/overflow", param: "messages", message };
      await assert.rejects(ask({ mode, ...asking(question) }), refused);
      const history = [
        { role: "user" as const, text: "x".repeat(1500) },
        { role: "assistant" as const, text: "y".repeat(600) },
      ];
      const messages = [...history, { role: "user" as const, text: "When?" }];
      // With a frame of our own the history is dropped.
      if (mode !== "bare") return void assert.ok(await ask({ mode, messages }));
      await assert.rejects(ask({ mode, messages }), (thrown: Error) => {
        const [, whole, prompt] = message.exec(thrown.message) ?? [];
        assert.ok(Number(prompt) > 2100, thrown.message);
        assert.equal(Number(whole), Number(prompt) + 8);
        return true;
      });
    });

    test(`${mode}: of a very long question only the beginning is read`, async () => {
      const { model } = generator;
      let read = 0;
      const encode = (text: string) => {
        read += text.length;
        return model.tokenizer.encode(text);
      };
      const watched = new Proxy(generator, {
        get: (target, key) => {
          if (key === "model") return { ...model, tokenizer: { ...model.tokenizer, encode } };
          return Reflect.get(target, key, target);
        },
      });
      const question = asking("x".repeat(400_000));
      const passages = [passage, passage, passage];
      await assert.rejects(ask({ mode, ...question }, passages, watched), {
        code: "context/overflow",
        message: /however more than 20\d\d were requested \(more than 20\d\d in the messages/,
      });
      assert.ok(read < 20_000, `${read} characters were read`);
    });
  }

  /** The generator, but its model ends, or reaches the limit, before it says anything. */
  const silent = (finishReason: "stop" | "length") =>
    new Proxy(generator, {
      get: (target, key) => {
        if (key !== "generate") return Reflect.get(target, key, target);
        return async function* () {
          yield* [];
          return { ...NOTHING, finishReason };
        };
      },
    });

  test("only a model that read passages and ended by itself says they hold no answer", async () => {
    const none = (await ask({ mode: "retrieval" }, [passage], silent("stop"))).abstention;
    assert.equal(none?.reason, "no-answer");
    assert.match(none.message, /documents do not seem to answer/);
    const others: [Partial<AnswerRequest>, "stop" | "length"][] = [
      [{ mode: "bare" }, "stop"],
      [{ mode: "question" }, "stop"],
      [{ mode: "retrieval" }, "length"],
    ];
    for (const [request, finishReason] of others) {
      const answer = await ask(request, [passage], silent(finishReason));
      assert.equal(answer.answer, "");
      assert.equal(answer.abstained, false, `${request.mode} ${finishReason}`);
      assert.equal(answer.abstention, undefined);
    }
  });

  for (const mode of ["retrieval", "bare"] as const) {
    test(`${mode}: an answer that a stop text ends at once is empty, and no abstention`, async () => {
      const { answer } = await ask({ mode });
      const stopped = await ask({ mode, stop: [answer[0]!] });
      assert.equal(stopped.answer, "");
      assert.equal(stopped.abstained, false);
      assert.equal(stopped.finishReason, "stop");
    });
  }

  test("where no passage finds room, a learned prompt leaves the model as it is", async () => {
    const learned: LearnedPrompt = {
      about: describePrompt({ method: "prompt-tuning", virtualTokens: 2 }),
      content: { virtualTokens: countingArray(2 * 48) },
    };
    const asked: GenerationRequest[] = [];
    const watched = new Proxy(generator, {
      get: (target, key) => {
        if (key !== "generate") return Reflect.get(target, key, target);
        return (request: GenerationRequest, signal?: AbortSignal) => {
          asked.push(request);
          return target.generate(request, signal);
        };
      },
    });
    const ids = async (question: string, prompt?: LearnedPrompt) => {
      const request = { mode: "retrieval" as const, ...asking(question) };
      const { passages, prompt: name } = await ask(request, [passage], watched, prompt);
      assert.equal(name, prompt?.about.name ?? null);
      const { prefixIds, ids, conditioning } = asked.at(-1)!;
      return { text: [...prefixIds, ...ids], conditioning, isRead: passages[0]!.used };
    };
    const short = await ids("When?", learned);
    assert.deepEqual([short.isRead, short.conditioning?.count], [true, 2]);
    const long = "When? ".repeat(280);
    const bare = await ids(long);
    assert.deepEqual([bare.isRead, bare.conditioning], [false, undefined]);
    assert.deepEqual(await ids(long, learned), bare);
  });

  test("what was cached, and the time of reading, is told also where a stop text ends it", async () => {
    await ask({ mode: "retrieval" });
    const whole = await ask({ mode: "retrieval" });
    assert.ok(whole.usage.cachedTokens > 0);
    const stopped = await ask({ mode: "retrieval", stop: [whole.answer[4]!] });
    assert.ok(stopped.usage.completionTokens < whole.usage.completionTokens);
    assert.equal(stopped.usage.cachedTokens, whole.usage.cachedTokens);
    assert.equal(stopped.usage.promptTokens, whole.usage.promptTokens);
    assert.ok(stopped.timings.prefillMs > 0);
    assert.ok(stopped.timings.decodeMs >= 0);
  });

  test("a text to be continued begins with the token that the model expects, which is not in the echo", async () => {
    const { model, contextLength } = generator;
    const tokenizer = { ...model.tokenizer, startId: 1 };
    const read: (readonly number[])[] = [];
    const starting = {
      model: { ...model, tokenizer },
      contextLength,
      scorePrompt: (ids: readonly number[], top: number) => {
        read.push(ids);
        return generator.scorePrompt(ids, top);
      },
      generate: (...[request]: Parameters<Generator["generate"]>) => {
        read.push([...request.prefixIds, ...request.ids]);
        return generator.generate(request);
      },
    } as unknown as Generator;
    const ids = tokenizer.encode("high water");
    for (const prompt of ["high water", ids]) {
      const pieces = completeText(starting, {
        prompt,
        maxTokens: 2,
        sampling: { temperature: 0, topP: 1, seed: 0 },
        stop: [],
        logProbabilities: false,
        topLogProbabilities: 0,
        scorePrompt: true,
      });
      let next = await pieces.next();
      while (!next.done) next = await pieces.next();
      assert.equal(next.value.promptText, "high water");
      assert.deepEqual(
        next.value.promptTokens.map(({ text }) => text),
        [..."high water"],
      );
      assert.equal(next.value.usage.promptTokens, read[0]!.length);
      const expected = typeof prompt === "string" ? [1, ...ids] : ids;
      assert.deepEqual(read.splice(0), [expected, expected]);
    }
  });

  test("a text to be continued that is very long is refused by its beginning", async () => {
    const pieces = completeText(generator, {
      prompt: "x".repeat(400_000),
      maxTokens: 8,
      sampling: { temperature: 0, topP: 1, seed: 0 },
      stop: [],
      logProbabilities: false,
      topLogProbabilities: 0,
      scorePrompt: false,
    });
    const message = /however more than 2056 were requested \(more than 2048 in the prompt, 8 for/;
    await assert.rejects(pieces.next(), { code: "context/overflow", param: "prompt", message });
  });
});
