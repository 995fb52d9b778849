import type { QaFile, Retrieve } from "../../ptuning/index.ts";

const COLOURS = ["red", "green", "blue", "white"];

/** Questions whose answer stands in the one passage retrieved for each. */
export const tinyPairs = Array.from({ length: 24 }, (_, index) => ({
  id: `lamp-${index}`,
  question: `Which colour has lamp ${index}?`,
  answers: [COLOURS[(index * 7) % COLOURS.length]!],
  document: `pier-${index % 8}`,
}));

export const tinyQa: QaFile = {
  pairs: tinyPairs,
  hash: "a".repeat(64),
  skipped: [],
  unanswerable: [],
};

export const tinyRetrieve: Retrieve = async (questions, count) =>
  questions.map((question) => {
    const pair = tinyPairs.find((one) => one.question === question)!;
    return [
      { title: pair.document, text: `Lamp ${pair.id} is ${pair.answers[0]}.` },
      { title: "harbour", text: "Boats are moored here." },
      { title: "island", text: `There are ${question.length} lamps.` },
    ].slice(0, count);
  });
