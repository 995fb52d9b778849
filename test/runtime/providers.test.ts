import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeOnnx, Graph, negate } from "../../graph/index.ts";
import { PROVIDERS, requireProvider, Session } from "../../runtime/index.ts";
import { providerFailure } from "../../runtime/providers.ts";

function someGraph(): Uint8Array {
  const graph = new Graph();
  graph.output("y", negate(graph, graph.input("x", "float32", [1])));
  return encodeOnnx(graph);
}

test("the processor is always there", async () => {
  assert.equal(requireProvider("cpu"), "cpu");
  const session = await Session.create(someGraph(), { provider: "cpu", threads: 1 });
  await session.close();
});

test("a provider that this build lacks is refused with what it needs and what there is", () => {
  for (const [provider, needs] of [
    ["cuda", /NVIDIA/],
    ["coreml", /macOS/],
    ["directml", /Windows/],
    ["webgpu", /graphics card/],
  ] as const) {
    assert.throws(
      () => requireProvider(provider, ["cpu"]),
      (thrown: Error) => {
        assert.match(
          thrown.message,
          new RegExp(`^provider ${provider}: needs .* has only cpu; use --provider cpu\\.$`),
        );
        assert.match(thrown.message, needs);
        return "code" in thrown && thrown.code === "config/invalid";
      },
    );
  }
});

test("ONNX Runtime's own names stand behind ours", () => {
  assert.equal(requireProvider("directml", ["cpu", "dml"]), "dml");
  assert.equal(requireProvider("coreml", ["cpu", "coreml"]), "coreml");
});

test("a provider that does not start is one sentence, without line breaks", () => {
  const { code, message } = providerFailure("webgpu", new Error("no adapter\n  found"));
  assert.equal(code, "config/invalid");
  assert.match(
    message,
    /^provider webgpu: could not be started .*Vulkan.* --provider cpu .*no adapter found\)\.$/,
  );
});

test("every provider either runs on this machine or says why not", async () => {
  for (const provider of PROVIDERS) {
    try {
      const session = await Session.create(someGraph(), { provider, threads: 1 });
      await session.close();
    } catch (thrown) {
      assert.ok(thrown instanceof Error && "code" in thrown);
      assert.equal(thrown.code, "config/invalid");
      assert.match(thrown.message, new RegExp(`^provider ${provider}: .*--provider cpu`));
    }
  }
});
