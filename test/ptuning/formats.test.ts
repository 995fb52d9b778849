import assert from "node:assert/strict";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { GREEDY } from "../../generator/index.ts";
import {
  conditioningOf,
  exportPrompt,
  importPrompt,
  type LearnedPrompt,
  loadPrompt,
  parseTuneSettings,
  readTorchTensor,
  savePrompt,
  tunePrompt,
  writeTorchTensor,
} from "../../ptuning/index.ts";
import { openSafetensors, writeSafetensors } from "../../runtime/index.ts";
import { openTinyGenerator, reopenTiny, type TinyGenerator } from "./tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const golden = join(import.meta.dirname, "../fixtures/golden/models");

describe("prompts of other programs", () => {
  let tiny: TinyGenerator;
  const at = (...parts: string[]) => join(tiny.folder, "exported", ...parts);
  before(async () => {
    tiny = await openTinyGenerator();
    await mkdir(at(), { recursive: true });
    for (const method of ["prompt-tuning", "p-tuning", "prefix-tuning", "lora", "p-tuning-v2"]) {
      const settings = { name: method, method, tokens: 3, epochs: 1, limit: 8, rank: 2 };
      const { generator, storeFolder } = tiny;
      const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
      for await (const _ of tunePrompt(parseTuneSettings(settings, "test"), parts));
    }
  });
  after(() => tiny.close());

  const saved = (name: string) => loadPrompt(tiny.storeFolder, name);
  const exported = async (name: string, format: "peft" | "spring" | "vllm" | "merged") => {
    const out = at(`${name}.${format}`);
    await exportPrompt(await saved(name), { format, out, generator: async () => tiny.generator });
    return out;
  };
  const options = () => ({ name: "other", model: tiny.generator.model });

  for (const method of ["prompt-tuning", "p-tuning", "prefix-tuning", "lora"]) {
    test(`a ${method} adapter comes back from PEFT's form as it went, and can be saved`, async () => {
      const original = await saved(method);
      const back = await importPrompt(await exported(method, "peft"), options());
      assert.deepEqual(back.content, original.content);
      assert.equal(back.about.method, method);
      assert.deepEqual(back.about.lora, original.about.lora);
      assert.equal(back.about.virtualTokens, original.about.virtualTokens);
      await savePrompt(tiny.storeFolder, back);
      assert.deepEqual((await saved("other")).content, original.content);
    });
  }

  for (const format of ["spring", "vllm"] as const) {
    test(`virtual tokens survive the ${format} form`, async () => {
      const back = await importPrompt(await exported("prompt-tuning", format), options());
      assert.deepEqual(back.content, (await saved("prompt-tuning")).content);
      assert.equal(back.about.placement, "between");
    });
  }

  test("a vLLM part is base64 of a torch tensor [K, H]", async () => {
    const text = await readFile(await exported("prompt-tuning", "vllm"), "latin1");
    const limits = { source: "part", maxElements: 1e6 };
    assert.deepEqual(readTorchTensor(Buffer.from(text, "base64"), limits).shape, [3, 48]);
  });

  for (const family of ["llama-tied", "gpt2"]) {
    test(`every adapter that PEFT wrote for ${family} is read`, async () => {
      const one = family === "llama-tied" ? tiny : await openTinyGenerator(family);
      try {
        for (const method of [
          "prompt-tuning",
          "p-tuning-mlp",
          "p-tuning-lstm",
          "prefix-tuning",
          "lora",
        ]) {
          const folder = join(golden, family, method);
          const { model } = one.generator;
          await assert.rejects(importPrompt(folder, { name: "peft", model }), {
            code: "prompt/mismatch",
            message: new RegExp(`"${family}".*"tiny".*--trust-base-model`),
          });
          const prompt = await importPrompt(folder, { name: "peft", model, trustBaseModel: true });
          const request = { prefixIds: [5, 6], ids: [7, 8], maxTokens: 3, stopIds: [] };
          const conditioning = conditioningOf(prompt);
          let count = 0;
          for await (const _ of one.generator.generate({
            ...request,
            conditioning,
            sampling: GREEDY,
          }))
            count++;
          assert.equal(count, 3, method);
        }
      } finally {
        if (one !== tiny) await one.close();
      }
    });
  }

  test("LoRA merged into the weights answers as LoRA beside them, and names the same tensors", async () => {
    const folder = await exported("lora", "merged");
    const file = openSafetensors(join(folder, "model.safetensors"));
    assert.equal(file.tensors.size, 29);
    file.close();
    const generator = await reopenTiny(join(folder, "model.safetensors"), tiny.folder);
    const request = { prefixIds: [5, 6], ids: [7, 8], maxTokens: 12, stopIds: [] };
    const ids = async (one: typeof generator, prompt?: LearnedPrompt) => {
      const found: number[] = [];
      const conditioning = prompt ? { conditioning: conditioningOf(prompt) } : {};
      for await (const { id } of one.generate({ ...request, ...conditioning, sampling: GREEDY })) {
        found.push(id);
      }
      return found;
    };
    try {
      assert.deepEqual(await ids(generator), await ids(tiny.generator, await saved("lora")));
    } finally {
      await generator.close();
    }
  });

  for (const [name, format] of [
    ["prompt-tuning", "peft"],
    ["lora", "merged"],
    ["own", "merged"],
  ] as const) {
    test(`${format} of ${name} onto a file is refused and says what to do`, async () => {
      const out = at("taken");
      await writeFile(out, "x");
      const prompt = name === "own" ? await fullPrompt() : await saved(name);
      const generator = async () => tiny.generator;
      await assert.rejects(exportPrompt(prompt, { format, out, generator }), {
        code: "file/write-failed",
        message: /taken.*choose another name/,
      });
      assert.equal(await readFile(out, "utf8"), "x");
    });
  }
  /** A prompt of full training, without the training. */
  async function fullPrompt(): Promise<LearnedPrompt> {
    const { about } = await saved("lora");
    const { lora: _, ...others } = about;
    const write = (target: string) => cp(tiny.modelFolder, target, { recursive: true });
    return { about: { ...others, method: "full" }, content: { model: { write } } };
  }

  const refusedExports: readonly (readonly [string, "peft" | "spring" | "vllm" | "merged"])[] = [
    ["p-tuning-v2", "peft"],
    ["prefix-tuning", "spring"],
    ["lora", "vllm"],
    ["prompt-tuning", "merged"],
  ];
  for (const [method, format] of refusedExports) {
    test(`${method} cannot be written as ${format}, and is told so`, async () => {
      await assert.rejects(exported(method, format), {
        code: "config/invalid",
        message: new RegExp(`format ${format} holds`),
      });
    });
  }

  /** A copy of a good adapter with its configuration changed. */
  async function changed(method: string, change: object): Promise<string> {
    const folder = at(`changed-${Math.random().toString(36).slice(2)}`);
    await cp(await exported(method, "peft"), folder, { recursive: true });
    const path = join(folder, "adapter_config.json");
    const config = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...config, ...change }));
    return folder;
  }

  type Refused = readonly [
    what: string,
    method: string,
    change: object,
    code: string,
    message: RegExp,
  ];
  /** LoRA whose matrices mean something else, told by the field that says so. */
  const unsupported = (change: object): Refused => [
    `LoRA with ${JSON.stringify(change)}`,
    "lora",
    change,
    "file/unsupported",
    new RegExp(`adapter_config.*${Object.keys(change)[0]}.*plain LoRA`, "s"),
  ];

  const refused: readonly Refused[] = [
    [
      "another base model",
      "prompt-tuning",
      { base_model_name_or_path: "org/Other-7B" },
      "prompt/mismatch",
      /"org\/Other-7B".*"tiny"/,
    ],
    ["another width", "prompt-tuning", { token_dim: 64 }, "prompt/mismatch", /width 64.*tiny.*48/],
    ["another depth", "prefix-tuning", { num_layers: 4 }, "prompt/mismatch", /4 layers.*3 layers/],
    ["another method", "lora", { peft_type: "IA3" }, "file/unsupported", /"IA3"/],
    ...[
      { use_dora: true },
      { use_rslora: true },
      { use_qalora: true },
      { use_bdlora: { target_modules_bd_a: ["q_proj"], nblocks: 2 } },
      { lora_bias: true },
      { bias: "all" },
      { kasa_config: { beta: 1, gamma: 1 } },
      { arrow_config: { top_k: 3 } },
      { monteclora_config: { num_samples: 8 } },
      { velora_config: {} },
      { alora_invocation_tokens: [5, 6, 7] },
      {
        layer_replication: [
          [0, 2],
          [0, 1],
        ],
      },
      { rank_pattern: { q_proj: 4 } },
      { alpha_pattern: { q_proj: 4 } },
      { modules_to_save: ["lm_head"] },
      { target_parameters: ["experts.gate_up_proj"] },
      { trainable_token_indices: [1, 2] },
    ].map(unsupported),
    ...["pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga", "unheard of"].map((init) =>
      unsupported({ init_lora_weights: init }),
    ),
    ["a rank that the tensors do not have", "lora", { r: 5 }, "prompt/invalid", /\[5, 48\]/],
    [
      "more tokens than rows",
      "prompt-tuning",
      { num_virtual_tokens: 4 },
      "prompt/invalid",
      /\[4, 48\]/,
    ],
    [
      "a negative number of tokens",
      "p-tuning",
      { num_virtual_tokens: -1 },
      "prompt/invalid",
      /num_virtual/,
    ],
  ];
  for (const [what, method, change, code, message] of refused) {
    test(`an adapter of ${what} is refused`, async () => {
      await assert.rejects(importPrompt(await changed(method, change), options()), {
        code,
        message,
      });
    });
  }

  const harmless: readonly object[] = [
    { use_dora: null, use_rslora: null, lora_bias: null, bias: null },
    { rank_pattern: null, alpha_pattern: {}, modules_to_save: [], alora_invocation_tokens: null },
    { base_model_name_or_path: "models/Tiny/" },
    ...[false, null, "gaussian", "eva", "orthogonal", "mica"].map((init) => ({
      init_lora_weights: init,
    })),
  ];
  for (const change of harmless) {
    test(`a LoRA adapter with ${JSON.stringify(change)} is plain LoRA`, async () => {
      const { content } = await importPrompt(await changed("lora", change), options());
      assert.deepEqual(content, (await saved("lora")).content);
    });
  }

  const LONG_PATTERN = `(?:${"vision|".repeat(40)}.*)|(?:model\\.layers\\.\\d+\\.self_attn\\.[qkvo]_proj)`;
  const targets: readonly unknown[] = [
    ".*\\.self_attn\\.(q|k|v|o)_proj",
    LONG_PATTERN,
    [],
    null,
    Array.from({ length: 200 }, (_, index) => `model.layers.${index}.self_attn.q_proj`),
  ];
  for (const target_modules of targets) {
    const shown = JSON.stringify(target_modules)?.slice(0, 40);
    test(`target_modules ${shown} is saved and goes out as names that PEFT matches`, async () => {
      const prompt = await importPrompt(await changed("lora", { target_modules }), options());
      await savePrompt(tiny.storeFolder, prompt);
      const out = at("targets");
      const generator = async () => tiny.generator;
      await exportPrompt(await saved("other"), { format: "peft", out, generator });
      const config = JSON.parse(await readFile(join(out, "adapter_config.json"), "utf8"));
      assert.deepEqual(config.target_modules, ["q_proj", "k_proj", "v_proj", "o_proj"]);
    });
  }

  for (const method of ["prompt-tuning", "p-tuning", "prefix-tuning"]) {
    test(`${method} with more than rows is refused: changed modules, an encoder's rows, other tensors`, async () => {
      const read = async (change: object) => importPrompt(await changed(method, change), options());
      await assert.rejects(read({ modules_to_save: ["lm_head"] }), {
        code: "file/unsupported",
        message: /modules_to_save.*changed modules/s,
      });
      await assert.rejects(read({ num_transformer_submodules: 2 }), {
        code: "file/unsupported",
        message: /num_transformer_submodules/,
      });
      await read({ modules_to_save: [], num_transformer_submodules: null });
      const folder = await changed(method, {});
      const path = join(folder, "adapter_model.safetensors");
      const file = openSafetensors(path);
      const rows = file.tensors.get("prompt_embeddings")!;
      const data = file.readF32(rows.name);
      file.close();
      const head = { shape: [2, 48], data: new Float32Array(96) };
      const tensors = new Map([[rows.name, { shape: rows.shape, data }]]);
      await writeSafetensors(path, tensors.set("base_model.score.weight", head));
      await assert.rejects(importPrompt(folder, options()), {
        code: "file/unsupported",
        message: /prompt_embeddings alone, found "base_model\.score\.weight"/,
      });
    });
  }

  test("matrices of modules that the model lacks are refused by name", async () => {
    const folder = await changed("lora", {});
    const name = "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight";
    const tensors = new Map([[name, { shape: [2, 48], data: new Float32Array(96) }]]);
    await writeSafetensors(join(folder, "adapter_model.safetensors"), tensors);
    await assert.rejects(importPrompt(folder, options()), {
      code: "prompt/mismatch",
      message: /c_attn.*tiny/,
    });
  });

  test("a missing tensor file, NaN rows, another shape, and plain text are refused", async () => {
    const folder = await changed("prompt-tuning", {});
    await rm(join(folder, "adapter_model.safetensors"));
    await assert.rejects(importPrompt(folder, options()), { code: "file/not-found" });
    const cases: readonly (readonly [string, string | Uint8Array, string])[] = [
      [
        "nan.pt",
        writeTorchTensor({ shape: [1, 48], data: new Float32Array(48).fill(Number.NaN) }),
        "prompt/invalid",
      ],
      [
        "wide.pt",
        writeTorchTensor({ shape: [1, 50], data: new Float32Array(50) }),
        "prompt/mismatch",
      ],
      ["flat.pt", writeTorchTensor({ shape: [48], data: new Float32Array(48) }), "prompt/mismatch"],
      ["text.txt", "{ no tensor }", "file/unsupported"],
      ["half.txt", "UEsDBA==", "file/invalid"],
    ];
    for (const [name, bytes, code] of cases) {
      await writeFile(at(name), bytes);
      await assert.rejects(importPrompt(at(name), options()), { code }, name);
    }
    await assert.rejects(importPrompt(at("nothing"), options()), { code: "file/not-found" });
  });
});
