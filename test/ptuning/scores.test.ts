import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWords, meanScore, scoreAnswer } from "../../ptuning/index.ts";

test("case, ASCII punctuation, articles and spaces do not count", () => {
  assert.deepEqual(answerWords("  The  U.S.A.,\tan (old) nation! "), ["usa", "old", "nation"]);
  assert.deepEqual(scoreAnswer("the Eiffel Tower.", ["Eiffel tower"]), { em: 100, f1: 100 });
});

test("punctuation is dropped before articles, so a hyphen joins words and A.N. is an article", () => {
  assert.deepEqual(answerWords("state-of-the-art"), ["stateoftheart"]);
  assert.deepEqual(answerWords("A.N. Other"), ["other"]);
});

test("an article inside a word or beside an accented letter stays", () => {
  assert.deepEqual(answerWords("theatre another Ana"), ["theatre", "another", "ana"]);
  assert.deepEqual(answerWords("là aé éa"), ["là", "aé", "éa"]);
});

test("punctuation outside ASCII stays, as in the SQuAD script", () => {
  assert.deepEqual(answerWords("“5–10” €"), ["“5–10”", "€"]);
  assert.deepEqual(answerWords("서울 특별시"), ["서울", "특별시"]);
});

test("words part at what Python's split() takes for spaces, and at no other control", () => {
  // [chr(c) for c in range(0x3001) if len(f"x{chr(c)}y".split()) == 2] in Python 3.11
  const spaces = [
    ...[0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680],
    ...Array.from({ length: 11 }, (_, index) => 0x2000 + index),
    ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
  ];
  const parted = Array.from({ length: 0x3001 }, (_, code) => code).filter(
    (code) => answerWords(`x${String.fromCharCode(code)}y`).length === 2,
  );
  assert.deepEqual(parted, spaces);
});

test("F1 counts a repeated word as often as both sides have it", () => {
  // 2 of 3 predicted words and 2 of 4 accepted words are shared: 2·2/(3+4).
  const { em, f1 } = scoreAnswer("red red blue", ["red red green yellow"]);
  assert.equal(em, 0);
  assert.ok(Math.abs(f1 - 400 / 7) < 1e-9);
});

test("the closest of several answers counts, for each score on its own", () => {
  const { em, f1 } = scoreAnswer("in 1912", ["April 1912", "in April 1912"]);
  assert.equal(em, 0);
  assert.ok(Math.abs(f1 - 80) < 1e-9); // 2·2/(2+3)
});

test("an empty prediction is right only where no answer is right", () => {
  assert.deepEqual(scoreAnswer("", ["Paris"]), { em: 0, f1: 0 });
  assert.deepEqual(scoreAnswer("", []), { em: 100, f1: 100 });
  assert.deepEqual(scoreAnswer("the", ["", "an"]), { em: 100, f1: 100 });
  assert.deepEqual(scoreAnswer("Paris", []), { em: 0, f1: 0 });
});

test("an answer without words is ignored beside one with words", () => {
  assert.deepEqual(scoreAnswer("...", ["the", "Paris"]), { em: 0, f1: 0 });
});

test("the mean is over questions, and 0 without any", () => {
  const scores = [scoreAnswer("a b", ["b"]), scoreAnswer("x", ["y"])];
  assert.deepEqual(meanScore(scores), { em: 50, f1: 50 });
  assert.deepEqual(meanScore([]), { em: 0, f1: 0 });
});
