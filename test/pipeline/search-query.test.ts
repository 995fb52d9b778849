import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../../pipeline/answerer.ts";
import { searchQuery } from "../../pipeline/search-query.ts";
import { MAX_QUERY_CHARACTERS } from "../../retriever/index.ts";

/** Turns in order, the user's first. */
const talk = (...texts: readonly string[]): Message[] =>
  texts.map((text, index) => ({ role: index % 2 === 0 ? "user" : "assistant", text }));

const followUps: readonly [turns: readonly string[], added: readonly string[]][] = [
  [
    ["When was the Sill Bridge built?", "1904", "Who designed it?"],
    ["Sill", "Bridge"],
  ],
  [
    ["Who founded the observatory?", "Petra Hallow", "When was she born?"],
    ["Petra", "Hallow"],
  ],
  [
    ["WHO DESIGNED COBB LIGHTHOUSE?", "NASA", "WHEN WAS IT BUILT?"],
    ["COBB", "LIGHTHOUSE", "NASA"],
  ],
  [
    ["Where is Port Ansel?", "On Halmeray", "WHO LIVES THERE?"],
    ["Port", "Ansel"],
  ],
  [["How long is the warranty?", "2 years", "And for batteries?"], ["warranty"]],
  [
    ["What does the refund policy say?", "30 days.", "Are there exceptions?"],
    ["refund", "policy"],
  ],
  [
    ["Where is Port Ansel?", "On Halmeray", "How many people live there?", "9,000", "Since when?"],
    ["Port", "Ansel"],
  ],
];
for (const [turns, added] of followUps) {
  test(`"${turns.at(-1)}" is searched for with what was spoken of`, () => {
    const { text, isRewritten } = searchQuery(talk(...turns));
    assert.ok(isRewritten);
    assert.ok(text.startsWith(turns.at(-1)!));
    for (const word of added) assert.ok(text.split(/\W+/).includes(word), `${word} in ${text}`);
  });
}

const complete = [
  "When was the lighthouse at Cobb Point first lit?",
  "When did Corvin Thale publish his first book?",
  "How does the tidal mill grind grain when its pond is empty?",
  "What is the boiling point of water on the Scale?",
  "Which prize did Marie Curie win in 1911?",
  "WHEN WAS THE LIGHTHOUSE AT COBB POINT FIRST LIT?",
];
for (const question of complete) {
  test(`"${question}" stands on its own after another topic`, () => {
    const { text, isRewritten } = searchQuery(
      talk("Who runs the ferries?", "Island Lines", question),
    );
    assert.equal(text, question);
    assert.equal(isRewritten, false);
  });
}

test("the first question of a conversation is never changed", () => {
  assert.equal(searchQuery(talk("Who designed it?")).text, "Who designed it?");
});

test("of long messages only the beginning is read", () => {
  const long = "tides and mills ".repeat(60_000);
  const { text } = searchQuery(talk(`Who built the mill? ${long}`, long, "And who designed it?"));
  assert.match(text, /^And who designed it\? /);
  assert.equal(searchQuery(talk(` ${long}`)).text, long.slice(0, MAX_QUERY_CHARACTERS));
});
