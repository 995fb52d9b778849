import assert from "node:assert/strict";
import { test } from "node:test";
import { citedPassages } from "../../pipeline/citations.ts";

const lamp = { text: "The lamp of Skerry lighthouse was lit in 1911, by its keeper." };
const pier = { text: "Birch Pier was built of larch; the answer of its builder is lost." };
const cited = (answer: string) => citedPassages(answer, [pier, lamp]);

test("all passages that contain the answer are cited, whatever its case, articles and punctuation", () => {
  assert.deepEqual(cited("In 1911."), [lamp]);
  assert.deepEqual(cited("Larch"), [pier]);
});

test("else the passage that shares most telling words, at least half of them", () => {
  assert.deepEqual(cited("The answer is: 1911, as the keeper has it."), [lamp]);
  assert.deepEqual(cited("Skerry had a lighthouse with a lamp"), [lamp]);
  assert.deepEqual(cited("It was the captain, or the mate, of Skerry"), []);
});

test("words that say nothing are evidence only where there are no others", () => {
  assert.deepEqual(cited("It was in what is not by its own"), []);
  assert.deepEqual(cited(""), []);
});
