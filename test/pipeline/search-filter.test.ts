import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilters } from "../../pipeline/search-filter.ts";

test("flags are put together; one that takes a whole filter's name for a key is refused", () => {
  assert.deepEqual(parseFilters(["format=pdf", "year>=1900"]), {
    and: [{ format: "pdf" }, { year: { gte: 1900 } }],
  });
  for (const flag of ["and=x", "or>=5", "or:=[1]"]) {
    assert.throws(() => parseFilters([flag]), { code: "config/invalid", message: /--filter: / });
  }
});
