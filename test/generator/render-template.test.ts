import assert from "node:assert/strict";
import { test } from "node:test";
import { renderTemplate } from "../../generator/render-template.ts";

const numbers = (range: string) =>
  renderTemplate(`{% for i in ${range} %}{{ i }} {% endfor %}`, {}).trim();

test("range counts as Python's does, also within a macro", () => {
  assert.equal(numbers("range(3)"), "0 1 2");
  assert.equal(numbers("range(2, 5)"), "2 3 4");
  assert.equal(numbers("range(7, 0, -3)"), "7 4 1");
  assert.equal(numbers("range(5, 2)"), "");
  const macro = "{% macro count(n) %}{% for i in range(n) %}{{ i }}{% endfor %}{% endmacro %}";
  assert.equal(renderTemplate(`${macro}{{ count(4) }}`, {}), "0123");
});

test("a range that would fill the memory is refused, wherever a template asks for it", () => {
  assert.throws(() => numbers("range(1000000000)"), /asks for 1000000000 numbers/);
  assert.throws(() => numbers("range(0, -1000000000, -1)"), /more than 100000/);
  assert.throws(() => numbers("range(3, 4, 0)"), /step other than 0/);
  const macro = "{% macro all() %}{{ range(1000000000) }}{% endmacro %}{{ all() }}";
  assert.throws(() => renderTemplate(macro, {}), /asks for 1000000000/);
});

test("loops in loops are stopped, and what follows is rendered as ever", () => {
  const loop = "{% for i in range(100000) %}";
  const nested = `${loop.repeat(3)}${"{% endfor %}".repeat(3)}`;
  assert.throws(() => renderTemplate(nested, {}), { code: "ERR_SCRIPT_EXECUTION_TIMEOUT" });
  assert.equal(renderTemplate("{{ text }}", { text: "x" }), "x");
});

test("a template that begins with a line break keeps it", () => {
  assert.equal(renderTemplate("\n{{ text }}", { text: "x" }), "\nx");
});
