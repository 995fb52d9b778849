import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  chooseModules,
  type DecoderConfig,
  linearModules,
  targetNames,
} from "../../generator/index.ts";
import { modelSource } from "../parity/golden-model.ts";

const golden = join(import.meta.dirname, "../fixtures/golden/models");
const configOf = (family: string): DecoderConfig =>
  modelSource(join(golden, family), family).config;

/** What PEFT takes names to mean. @see PEFT 0.21.2 tuners_utils.check_target_module_exists */
const meantBy = (names: readonly string[], paths: readonly string[]) =>
  paths.filter((path) => names.some((name) => path === name || path.endsWith(`.${name}`)));

for (const family of ["llama-tied", "gpt2"]) {
  test(`LoRA's targets on ${family} are those modules and no others as PEFT matches names`, () => {
    const config = configOf(family);
    const all = linearModules(config).map(({ path }) => path);
    const choices = [
      all,
      all.slice(0, 1),
      all.slice(1),
      all.filter((_, index) => index % 2 === 0),
      all.filter((path) => /(self_attn\.[qv]_proj|attn\.c_proj)$/.test(path)),
      all.filter((path) => path.includes(".1.")),
    ];
    for (const chosen of choices) {
      const names = targetNames(config, new Set(chosen));
      assert.deepEqual(meantBy(names, all), chosen, names.join());
    }
  });
}

const named: readonly (readonly [family: string, wanted: string[], names: string[]])[] = [
  ["llama-tied", ["q", "v"], ["q_proj", "v_proj"]],
  ["llama-tied", ["model.layers.0.self_attn.q_proj"], ["layers.0.self_attn.q_proj"]],
  ["gpt2", ["attn.c_proj"], ["attn.c_proj"]],
  ["gpt2", ["all-linear"], ["c_attn", "c_proj", "c_fc"]],
];
for (const [family, wanted, names] of named) {
  test(`the modules of ${wanted} on ${family} are called ${names}`, () => {
    const config = configOf(family);
    const paths = chooseModules(config, wanted).map(({ path }) => path);
    assert.deepEqual(targetNames(config, new Set(paths)), names);
  });
}
