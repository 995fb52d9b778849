import assert from "node:assert/strict";
import { test } from "node:test";
import { describePassage, excerpt } from "../../pipeline/passage-text.ts";
import { Terminal, type TerminalOptions } from "../../pipeline/terminal.ts";

/** Writes to the clipboard, clears the screen, turns the direction, goes back on the line, hides what follows. */
const HOSTILE = "two years\u001b]52;c;cm0K\u0007\u001b[2J\u202eyad\u2069\r\u009b8mno\u001b[8m";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\p{Bidi_Control}/u;

function openTerminal(options: Partial<TerminalOptions> = {}, isTTY = true) {
  const written: string[] = [];
  const stream = {
    isTTY,
    columns: 200,
    write: (text: string) => {
      written.push(text);
      return true;
    },
  };
  const terminal = new Terminal({
    stdout: stream,
    stderr: stream as unknown as NodeJS.WriteStream,
    json: false,
    quiet: false,
    color: true,
    ...options,
  });
  return { terminal, text: () => written.join("") };
}

test("what a document says is shown to people and not obeyed", () => {
  const shown = excerpt(HOSTILE);
  assert.doesNotMatch(shown, OBEYED);
  assert.match(shown, /^two years\ufffd\]52;c;cm0K/);
  const passage = {
    id: 1,
    documentId: "d",
    title: `T${HOSTILE}`,
    source: `s${HOSTILE}`,
    start: 0,
    end: 9,
    heading: [],
    text: HOSTILE,
    score: 1,
  };
  assert.doesNotMatch(describePassage(passage), OBEYED);
});

test("text for people is plain on every way to the terminal", () => {
  const { terminal, text } = openTerminal({ color: false }, false);
  terminal.partial(HOSTILE);
  terminal.line(HOSTILE);
  terminal.note(HOSTILE);
  terminal.warn(HOSTILE);
  terminal.result({}, () => `tab\there\r\n${terminal.paint("1", HOSTILE)}${HOSTILE}`);
  assert.doesNotMatch(text(), OBEYED);
  assert.match(text(), /tab\there\n/);
});

test("our own colours stay where they are shown, and a live line replaces itself", () => {
  const { terminal, text } = openTerminal();
  terminal.result({}, () => `${terminal.paint("31", "refused")} ${HOSTILE}`);
  assert.ok(text().startsWith("\u001b[31mrefused\u001b[0m two years\ufffd]52"));
  assert.doesNotMatch(text().slice("\u001b[31mrefused\u001b[0m".length), OBEYED);
  const live = openTerminal();
  live.terminal.live(HOSTILE);
  assert.ok(live.text().startsWith("\r\u001b[2Ktwo years"));
  assert.doesNotMatch(live.text().slice("\r\u001b[2K".length), OBEYED);
});

test("with --json a document's text is as it is", () => {
  const { terminal, text } = openTerminal({ json: true });
  terminal.result({ text: HOSTILE }, () => "");
  assert.deepEqual(JSON.parse(text()), { text: HOSTILE });
});
