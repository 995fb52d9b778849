import { errorMessage, RagError } from "../core/index.ts";
import { onnxRuntime } from "./onnx-runtime.ts";

/** Where graphs can run: the processor, or hardware of one maker or system. */
export const PROVIDERS = ["cpu", "cuda", "coreml", "directml", "webgpu"] as const;
export type Provider = (typeof PROVIDERS)[number];

/** ONNX Runtime's names, and what a provider needs. */
const KNOWN: Readonly<Record<Provider, { readonly name: string; readonly needs: string }>> = {
  cpu: { name: "cpu", needs: "nothing" },
  cuda: {
    name: "cuda",
    needs: "Linux or Windows, an NVIDIA driver, CUDA and cuDNN, and ONNX Runtime's CUDA parts",
  },
  coreml: { name: "coreml", needs: "macOS" },
  directml: { name: "dml", needs: "Windows and a DirectX 12 graphics card" },
  webgpu: { name: "webgpu", needs: "a graphics card with a Vulkan, Metal or DirectX 12 driver" },
};

/**
 * ONNX Runtime's name for a provider. `available`: the names that this build has.
 * @throws RagError config/invalid when this build of ONNX Runtime has no such provider
 */
export function requireProvider(
  provider: Provider,
  available: readonly string[] = onnxRuntime()
    .listSupportedBackends()
    .map(({ name }) => name),
): string {
  const { name, needs } = KNOWN[provider];
  if (available.includes(name)) return name;
  const offered = PROVIDERS.filter((known) => available.includes(KNOWN[known].name)).join(", ");
  throw new RagError(
    "config/invalid",
    `provider ${provider}: needs ${needs}, and ONNX Runtime for ${process.platform} ${process.arch} has only ${offered}; use --provider cpu.`,
  );
}

/** A provider that this build has but that could not be started here, in one sentence. */
export function providerFailure(provider: Provider, cause: unknown): RagError {
  const words = errorMessage(cause).replace(/\s+/g, " ").trim();
  return new RagError(
    "config/invalid",
    `provider ${provider}: could not be started on this machine, it needs ${KNOWN[provider].needs}; use --provider cpu (ONNX Runtime: ${words.slice(-200)}).`,
    { cause },
  );
}
