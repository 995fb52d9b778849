import assert from "node:assert/strict";
import { test } from "node:test";
import type { ParsedDocument } from "../../ingest/index.ts";
import { parseHtml } from "../../ingest/readers/html.ts";
import { parseMarkdown } from "../../ingest/readers/markdown.ts";
import { parseRestructuredText } from "../../ingest/readers/restructured-text.ts";

/** Blocks as "kind: text". */
const shown = ({ text, blocks }: ParsedDocument) =>
  blocks.map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);

test("HTML: numbered lists keep their numbers, nested and begun elsewhere", () => {
  const html = `<html><body><article><p>Steps of the evening, each of them in its place and order:</p>
<ol start="4"><li>Climb<ul><li>slowly</li></ul></li><li>Trim<ol><li>the wick</li><li>the flame</li></ol></li><li value="9">Rest</li><li></li></ol></article></body></html>`;
  assert.equal(
    shown(parseHtml(html)).at(-1),
    "paragraph: 4. Climb\n  - slowly\n5. Trim\n  1. the wick\n  2. the flame\n9. Rest",
  );
});

test("Markdown: tags alone, comments, rules and link targets are not read; the opening heading is the title", () => {
  const text = `<!-- a note
of two lines -->

## The Lamp

<Intro>

It burns oil; see [the book].

</Intro>

---

<Toc /> <!-- end -->

Text with a <b>tag</b>.

[the book]: https://example.org/book "Book"
`;
  const parsed = parseMarkdown(text);
  assert.equal(parsed.title, "The Lamp");
  assert.deepEqual(shown(parsed), [
    "heading: ## The Lamp",
    "paragraph: It burns oil; see [the book].",
    "paragraph: Text with a <b>tag</b>.",
  ]);
});

test("reStructuredText: code of directives and literal blocks is whole; what is no text is left out", () => {
  const text = `Lamp
====

.. _lamp-label:

.. code-block:: python
   :linenos:

   def light():

       return 1

After it, a literal::

    $ light --now

    done

.. image:: lamp.png

The end.
`;
  assert.deepEqual(shown(parseRestructuredText(text)), [
    "heading: Lamp",
    "code:    def light():\n\n       return 1",
    "paragraph: After it, a literal::",
    "code:     $ light --now\n\n    done",
    "paragraph: The end.",
  ]);
});
