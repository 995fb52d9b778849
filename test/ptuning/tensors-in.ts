import { openSafetensors } from "../../runtime/index.ts";

/** Every tensor of a safetensors file, by name. */
export function tensorsIn(
  path: string,
): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
  const file = openSafetensors(path);
  try {
    return new Map(
      [...file.tensors.values()].map(({ name, shape }) => [
        name,
        { shape, data: file.readF32(name) },
      ]),
    );
  } finally {
    file.close();
  }
}
