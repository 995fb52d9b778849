import { RagError } from "../core/index.ts";
import type { DecoderConfig } from "./config.ts";
import { planModel } from "./families/index.ts";

/** A linear layer as transformers names it, and the rows it has in the stacked matrix of the layout. */
export interface Module {
  /** Such as "model.layers.0.self_attn.q_proj". */
  readonly path: string;
  /** The layout's matrix, such as "layers.0.qkv". */
  readonly projection: string;
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  /** transformers keeps the weight as [columns, rows] (Conv1D). */
  readonly isTransposed: boolean;
}

/** Every linear layer inside the decoder's layers: what LoRA can be put on. */
export function linearModules(config: DecoderConfig): readonly Module[] {
  return planModel(config)
    .projections.filter(({ name }) => name.startsWith("layers."))
    .flatMap(({ name, parts, columns }) => {
      let firstRow = 0;
      return parts.map((part) => {
        const path = part.weight.huggingFace[0]!.replace(/\.weight$/, "");
        const { rows, isTransposedInHuggingFace: isTransposed } = part;
        const module = { path, projection: name, firstRow, rows, columns, isTransposed };
        firstRow += part.rows;
        return module;
      });
    });
}

/** PEFT's word for every linear layer. */
const ALL = "all-linear";

/**
 * The modules whose name is, or ends with, one of `targets`: "q_proj", its short form "q", "attn.c_proj", or "all-linear".
 * @throws RagError config/invalid naming a target that no module has, and what there is
 */
export function chooseModules(
  config: DecoderConfig,
  targets: readonly string[],
): readonly Module[] {
  const modules = linearModules(config);
  if (targets.includes(ALL)) return modules;
  const matches = (path: string, target: string) =>
    [target, `${target}_proj`].some((name) => path === name || path.endsWith(`.${name}`));
  const unknown = targets.find((target) => !modules.some(({ path }) => matches(path, target)));
  if (unknown === undefined && targets.length > 0) {
    return modules.filter(({ path }) => targets.some((target) => matches(path, target)));
  }
  const known = [...new Set(modules.map(({ path }) => path.split(".").at(-1)!))];
  throw new RagError(
    "config/invalid",
    `LoRA target ${JSON.stringify(unknown ?? "")}: no projection of this ${config.family} model has this name; there are ${known.join(", ")} (or ${ALL}).`,
    { param: "targets" },
  );
}

/**
 * Names for chosen modules as PEFT's `target_modules` takes them: each module whose path is a name, or ends in a dot and it, is meant. The
 * shortest that mean all of `paths` and no other linear layer; what only the layer's number tells apart, such as "layers.0.mlp.up_proj".
 */
export function targetNames(config: DecoderConfig, paths: ReadonlySet<string>): readonly string[] {
  const others = linearModules(config).filter(({ path }) => !paths.has(path));
  const isOnlyOfThese = (name: string) =>
    !others.some(({ path }) => path === name || path.endsWith(`.${name}`));
  const names = [...paths].map((path) => endsOf(path).find(isOnlyOfThese) ?? path);
  return [...new Set(names)];
}

/** "q_proj", "self_attn.q_proj", … of a path; none begins with a layer's number. */
function endsOf(path: string): readonly string[] {
  const parts = path.split(".");
  return parts.map((_, from) => parts.slice(-1 - from).join(".")).filter((end) => !/^\d/.test(end));
}
