import type { FoundPassage, QaFile, Retrieve } from "../../ptuning/index.ts";

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

/** A passage as retrieval gives it, the line `id` of a file. */
export const foundPassage = (id: string, text: string, title = ""): FoundPassage => ({
  documentId: id,
  source: `lamps.jsonl#${id}`,
  title,
  text,
});

export const tinyRetrieve: Retrieve = async (questions, count) =>
  questions.map((question) => {
    const pair = tinyPairs.find((one) => one.question === question)!;
    return [
      foundPassage("lamps", `Lamp ${pair.id} is ${pair.answers[0]}.`, pair.document),
      foundPassage("boats", "Boats are moored here.", "harbour"),
      foundPassage("count", `There are ${question.length} lamps.`, "island"),
    ].slice(0, count);
  });
