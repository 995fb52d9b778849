import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configFromGguf, Engine } from "../../generator/index.ts";
import { dequantize, openGguf, openWeights, type TensorType } from "../../runtime/index.ts";
import { type Check, countDifferences } from "./check.ts";
import { CONTEXT } from "./golden-model.ts";
import { checkInference } from "./inference.ts";

/** Raw blocks of every GGUF format against their f32 values: equal to the last bit. */
export function checkBlocks(folder: string): Check[] {
  const read = (name: string) => readFileSync(join(folder, "gguf", name));
  const index: Record<string, { readonly shape: readonly number[] }> = JSON.parse(
    read("index.json").toString(),
  );
  return Object.entries(index).map(([type, { shape }]) => {
    const count = shape.reduce((product, length) => product * length, 1);
    const found = dequantize(type as TensorType, read(`${type}.bin`), count);
    // Compared as bytes: some of the recorded numbers are not numbers.
    const difference = countDifferences([...Buffer.from(found.buffer)], [...read(`${type}.f32`)]);
    return { subject: `gguf ${type}`, check: "blocks", difference, tolerance: 0 };
  });
}

/** The llama-tied model as llama.cpp stores it gives the same logits. */
export async function checkGguf(folder: string, cacheFolder: string): Promise<Check[]> {
  const weightsPath = join(folder, "gguf", "tiny-llama-f32.gguf");
  const goldenPath = join(folder, "models", "llama-tied", "golden.safetensors");
  if (!existsSync(weightsPath) || !existsSync(goldenPath)) return [];
  const file = openGguf(weightsPath);
  const config = configFromGguf(file);
  file.close();
  const source = {
    name: "tiny-llama-f32.gguf",
    fingerprint: "gguf".padEnd(64, "0"),
    config,
    weightsPath,
  };
  const engine = await Engine.open(source, { cacheFolder, contextLength: CONTEXT, threads: 1 });
  const golden = openWeights(goldenPath);
  try {
    return await checkInference({ engine, golden, subject: source.name });
  } finally {
    golden.close();
    await engine.close();
  }
}
