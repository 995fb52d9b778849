import assert from "node:assert/strict";
import { test } from "node:test";
import { answerCell, htmlPage, htmlTable, textCell } from "../../pipeline/evaluation/html-page.ts";
import { signedInterval } from "../../pipeline/evaluation/interval-text.ts";

test("text on a page stays text: in its title, heads, captions and cells", () => {
  const wicked = `<b>"x" & 'y'</b>`;
  const rows = [[textCell(wicked), answerCell(wicked, { em: 0, f1: 0 })]];
  const body = htmlTable({ head: [wicked], rows, caption: wicked });
  const page = htmlPage({ title: wicked, style: "", body });
  assert.ok(!page.includes("<b>"));
  // Title and heading; caption, head and two cells.
  assert.equal(page.split("&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;").length - 1, 6);
});

test("an answer is marked by its scores", () => {
  assert.equal(answerCell("a", { em: 100, f1: 100 }), '<td class="right">a</td>');
  assert.equal(answerCell("a", { em: 0, f1: 50 }), '<td class="part">a</td>');
  assert.equal(answerCell("a", { em: 0, f1: 49 }), "<td>a</td>");
});

test("a difference has its sign, also at the ends of its interval", () => {
  assert.equal(signedInterval({ mean: 4.24, low: -0.3, high: 8.8 }), "+4.2 (-0.3 to +8.8)");
});
