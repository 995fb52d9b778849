import assert from "node:assert/strict";
import { test } from "node:test";
import { countWords, segmentsOf } from "../../core/index.ts";

const texts = {
  English: "“Can't it?” she asked; 3.14 isn't 1,000. The mason (in 1911) said: no!  Next day…\r\n",
  Thai: "ประเทศไทยหรือราชอาณาจักรไทยเป็นรัฐชาติอันตั้งอยู่ในภูมิภาคเอเชียตะวันออกเฉียงใต้",
  Japanese:
    "日本国は東アジアに位置し、日本列島および周辺の島嶼を領土とする。議会制民主主義国家である。",
  marks: "Ve\u0301lo 👩‍👩‍👧 e\u0301t\u0301e\u0301 🇫🇷🇩🇪 café's  ",
};

for (const granularity of ["word", "sentence"] as const) {
  for (const [name, text] of Object.entries(texts)) {
    test(`a long text has the ${granularity}s that it has when it is looked at whole: ${name}`, () => {
      const long = text.repeat(Math.ceil(8000 / text.length));
      const whole = new Intl.Segmenter(undefined, { granularity }).segment(long);
      const found = [...segmentsOf(long, granularity)];
      assert.deepEqual(
        found.map(({ start, end, isWordLike }) => [long.slice(start, end), isWordLike].join()),
        Array.from(whole, ({ segment, isWordLike = false }) => [segment, isWordLike].join()),
      );
    });
  }
}

test("nothing has no words, and a word may be longer than what is looked at once", () => {
  assert.deepEqual([...segmentsOf("", "word")], []);
  const ends = [...segmentsOf(`${"ab".repeat(50_000)} and more`, "word")].map(({ end }) => end);
  assert.deepEqual(ends, [100_000, 100_001, 100_004, 100_005, 100_009]);
});

test("words of a text of 400,000 characters are counted without keeping copies of it", () => {
  assert.equal(countWords("a b ".repeat(100_000)), 200_000);
});
