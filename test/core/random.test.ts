import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";

test("the same seed gives the same numbers, another seed gives others", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 5 }, () => random.next());
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test("a restored state continues the sequence, normals included", () => {
  const random = new Random(3);
  random.normal();
  const copy = Random.restore(JSON.parse(JSON.stringify(random.save())));
  assert.deepEqual(
    [copy.normal(), copy.next(), copy.integer(9)],
    [random.normal(), random.next(), random.integer(9)],
  );
});

test("uniform numbers have mean 1/2 and normals have mean 0 and variance 1", () => {
  const random = new Random(11);
  const count = 20_000;
  let uniform = 0;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    uniform += random.next() / count;
    const normal = random.normal();
    sum += normal / count;
    squares += (normal * normal) / count;
  }
  // Five standard errors of each estimate.
  assert.ok(Math.abs(uniform - 0.5) < 0.0103);
  assert.ok(Math.abs(sum) < 0.0354);
  assert.ok(Math.abs(squares - 1) < 0.05);
});

test("a shuffle keeps every item once", () => {
  const shuffled = new Random(1).shuffle([1, 2, 3, 4, 5, 6, 7, 8]);
  assert.notDeepEqual(shuffled, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([...shuffled].sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
});
