import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

const dockerfile = readFileSync(join(import.meta.dirname, "..", "Dockerfile"), "utf8");

test("the container's health check asks the port that the server is told to take", async (t) => {
  let status = 200;
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(status).end();
  });
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const [, check] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(dockerfile)!;
  const [program, ...flags] = JSON.parse(check!) as [string, ...string[]];
  for (const [answer, code] of [
    [200, 0],
    [503, 1],
  ] as const) {
    status = answer;
    const environment = { ...process.env, FOREWORD_PORT: String(port) };
    const [exitCode] = await once(spawn(program, flags, { env: environment }), "exit");
    assert.equal(exitCode, code);
  }
  assert.deepEqual(asked, ["/readyz", "/readyz"]);
});
