/**
 * Hand-written prompts to measure a learned one against: each honestly tries to get short answers, two with worked examples. They
 * stand where the learned prompt would, between passages and question.
 */
export const HAND_PROMPTS: readonly string[] = [
  "Answer the following question with a short span copied word for word from the passages above. Return only the answer.",
  "According to the previous relevant passages, please answer the following question. Only return the answer without any other words.",
  "Read the passages above carefully. Find the exact words that answer the question, and write only these words: a name, a number, a date or a short phrase. Do not write a full sentence and do not explain.",
  [
    "Answer with as few words as possible, copied from the passages. Examples of the form:",
    "Question: In which year was the bridge opened?\nAnswer: 1932",
    "Question: Who designed the main hall?\nAnswer: Clara Whitfield",
    "Question: What is the roof made of?\nAnswer: copper sheets",
    "Now answer the next question in the same form.",
  ].join("\n\n"),
  [
    "Extract the answer from the passages. Write nothing but the answer itself.",
    "Passage: The ferry crosses the fjord four times a day and takes 25 minutes.\nQuestion: How long does the crossing take?\nAnswer: 25 minutes",
    "Passage: After the fire, the library moved to a former grain store.\nQuestion: Where did the library move?\nAnswer: a former grain store",
  ].join("\n\n"),
  "Give the shortest correct answer to the question, at most five words, using only the passages above.",
];

/** The one that scored best on 60 SQuAD training questions: bench/results/hand-prompts.json. */
export const BEST_HAND_PROMPT = HAND_PROMPTS[0]!;
