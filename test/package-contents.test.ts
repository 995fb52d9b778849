import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const manifest = JSON.parse(read("package.json"));

/** Paths in the package, without what is built. */
function packed(): readonly string[] {
  const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ files }] = JSON.parse(output) as [{ readonly files: readonly { path: string }[] }];
  return files.map(({ path }) => path).filter((path) => !path.startsWith("dist/"));
}

test("the package holds the pages that README leads to, the examples and the changes, and no settings of a compiler", () => {
  const paths = packed();
  const pages = [...read("README.md").matchAll(/\]\((docs\/[^)#]+\.\w+)/g)].map(
    ([, page]) => page!,
  );
  assert.ok(pages.length > 5);
  for (const path of [...pages, "examples/agent.ts", "CHANGELOG.md", "web/index.html"]) {
    assert.ok(paths.includes(path), path);
  }
  assert.deepEqual(
    paths.filter((path) => path.endsWith("tsconfig.json")),
    [],
  );
  const sources = paths.filter((path) => /^examples\/.*\.ts$/.test(path));
  for (const path of sources) {
    for (const [, target] of read(path).matchAll(/from "(\.[^"]*)"/g)) {
      assert.ok(paths.includes(join(dirname(path), target!)), `${path} imports ${target}`);
    }
  }
});

test("what is built is what runs without the sources: no demo, and no map of files that are not there", () => {
  const { include, compilerOptions } = JSON.parse(read("tsconfig.build.json"));
  assert.ok(!include.includes("demo"));
  assert.equal(compilerOptions.sourceMap ?? false, false);
});

test("a program and Foreword share one copy of LangChain's core, and tests use the oldest that will do", () => {
  const { dependencies, devDependencies, peerDependencies } = manifest;
  assert.equal(peerDependencies["@langchain/core"], `^${devDependencies["@langchain/core"]}`);
  assert.equal(dependencies["@langchain/core"], undefined);
});

test("README and the LangChain page say the same of installing", () => {
  const advice = (page: string) => /^npm install foreword.*$/m.exec(read(page))?.[0];
  assert.ok(advice("README.md"));
  assert.equal(advice("README.md"), advice("docs/langchain.md"));
});
