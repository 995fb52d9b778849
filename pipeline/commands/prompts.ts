import { basename, resolve } from "node:path";
import { Command } from "commander";
import { RagError } from "../../core/index.ts";
import { readModel } from "../../generator/index.ts";
import {
  checkPromptFits,
  EXPORT_FORMATS,
  type ExportFormat,
  exportPrompt,
  hasPrompt,
  importPrompt,
  listPrompts,
  loadPrompt,
  type PromptRecord,
  savePrompt,
} from "../../ptuning/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { wholeNumber } from "../flag-numbers.ts";
import { layoutsLeft } from "../layouts-left.ts";
import { modelIdentity } from "../prompt-choice.ts";
import { removePromptAndLayouts } from "../remove-prompt.ts";
import { table } from "../terminal.ts";
import { showPrompt } from "./show-prompt.ts";

/** `foreword prompts`: the store's learned prompts. */
export function promptsCommand(host: CommandHost): Command {
  const prompts = new Command("prompts").description(
    "list, show, remove, export and import learned prompts",
  );
  const list = prompts
    .command("ls")
    .description("the store's learned prompts")
    .action(() => host.run(list, {}, listAll));
  const show = prompts
    .command("show")
    .description("how a learned prompt was trained, and what its virtual tokens resemble")
    .argument("<name>")
    .action((name: string) => host.run(show, {}, (context) => showPrompt(context, name)));
  const remove = prompts
    .command("rm")
    .description("remove a learned prompt")
    .argument("<name>")
    .action((name: string) => host.run(remove, {}, (context) => removeOne(context, name)));
  withExample(list, "foreword prompts ls --json");
  withExample(show, "foreword prompts show handbook");
  withExample(remove, "foreword prompts rm handbook");
  addExport(prompts, host);
  addImport(prompts, host);
  return withExample(
    prompts,
    "foreword prompts show handbook",
    "foreword prompts export handbook --format peft --out handbook-adapter",
  );
}

/** Of a prompt's name, what is written where nothing else is asked for. */
const SUFFIXES: Readonly<Record<ExportFormat, string>> = {
  peft: "-adapter",
  spring: ".pt",
  vllm: ".prompt_embeds",
  merged: "-model",
};

function addExport(prompts: Command, host: CommandHost): void {
  const command = prompts
    .command("export")
    .description("write a learned prompt for other programs")
    .argument("<name>")
    .requiredOption(
      "--format <format>",
      "peft (adapter folder), spring (.pt file), vllm (prompt_embeds as base64), merged (model folder)",
    )
    .option(
      "--out <path>",
      "the folder or file to write (default: the name with -adapter, .pt, .prompt_embeds or -model)",
    )
    .action((name: string, flags: ExportFlags) =>
      host.run(command, {}, (context) => exportOne(context, name, flags)),
    );
  withExample(command, "foreword prompts export handbook --format peft --out handbook-adapter");
}

function addImport(prompts: Command, host: CommandHost): void {
  const command = prompts
    .command("import")
    .description("take a PEFT adapter folder, a SPRING .pt file or a vLLM prompt_embeds part")
    .argument("<path>")
    .option(
      "--name <name>",
      "the prompt's name in the store (default: of the file or folder, if no prompt has it)",
    )
    .option(
      "--placement <place>",
      "of virtual tokens: between or prefix (default: as exported here, else the format's own)",
    )
    .option(
      "--template <text>",
      "the user's message it was trained with, instead of a placement (default: as exported here)",
    )
    .option(
      "--passages <count>",
      "it was trained with, and so reads (default: as exported here, else 1)",
      wholeNumber("passages"),
    )
    .option("--trust-base-model", "take an adapter that names its base model otherwise")
    .action((path: string, flags: ImportFlags) =>
      host.run(command, {}, (context) => importOne(context, path, flags)),
    );
  withExample(command, "foreword prompts import handbook-adapter --name handbook");
}

async function listAll({ settings, terminal }: CommandContext): Promise<void> {
  const listed = await listPrompts(settings.store);
  const prompts = listed.map((prompt) =>
    "record" in prompt ? summaryOf(prompt.record) : { name: prompt.name, problem: prompt.problem },
  );
  terminal.result({ prompts }, () => {
    if (listed.length === 0) return "There are no learned prompts; train one: foreword tune";
    return table([
      ["prompt", "method", "tokens", "model", "dev F1", "finished"],
      ...listed.map((prompt) =>
        "record" in prompt ? row(prompt.record) : [prompt.name, `damaged: ${prompt.problem}`],
      ),
    ]);
  });
}

function summaryOf({ name, method, virtualTokens, baseModel, createdAt, training }: PromptRecord) {
  const { dev, isFinished, examples, epochs, seconds } = training;
  const model = baseModel.name;
  return {
    name,
    method,
    virtualTokens,
    model,
    createdAt,
    dev,
    isFinished,
    examples,
    epochs,
    seconds,
  };
}

function row({ name, method, virtualTokens, baseModel, training }: PromptRecord): string[] {
  return [
    name,
    method,
    String(virtualTokens),
    baseModel.name,
    training.dev?.f1.toFixed(1) ?? "-",
    training.isFinished ? "yes" : "no",
  ];
}

async function removeOne({ settings, terminal }: CommandContext, name: string): Promise<void> {
  const { left } = await removePromptAndLayouts(settings, name);
  if (left) terminal.warn(layoutsLeft(left));
  terminal.result({ name, removed: true }, () => `Prompt "${name}" was removed.`);
}

interface ExportFlags {
  readonly format: string;
  readonly out?: string;
}

async function exportOne(
  { settings, terminal, workspace }: CommandContext,
  name: string,
  { format, out: asked }: ExportFlags,
): Promise<void> {
  const wanted = requireFormat(format);
  const out = asked ?? name + SUFFIXES[wanted];
  const prompt = await loadPrompt(settings.store, name);
  const generator = () => workspace.generator();
  await exportPrompt(prompt, { format: wanted, out, generator });
  terminal.result(
    { name, format: wanted, out },
    () => `Prompt "${name}" is in ${out} (${format}).`,
  );
}

function requireFormat(format: string): ExportFormat {
  const found = EXPORT_FORMATS.find((known) => known === format);
  if (found) return found;
  throw new RagError(
    "config/invalid",
    `--format: expected ${EXPORT_FORMATS.join(", ")}, found ${JSON.stringify(format)}.`,
  );
}

interface ImportFlags {
  readonly name?: string;
  readonly placement?: string;
  readonly template?: string;
  readonly passages?: number;
  readonly trustBaseModel?: boolean;
}

async function importOne(
  { settings, terminal, workspace }: CommandContext,
  path: string,
  { name: given, placement, template, passages, trustBaseModel = false }: ImportFlags,
): Promise<void> {
  const name = given ?? freeName(settings.store, path);
  const asked = { placement: requirePlacement(placement), template, passages };
  const model = readModel(await workspace.resolveModel(settings.model));
  const prompt = await importPrompt(path, { name, model, trustBaseModel, ...asked });
  checkPromptFits(prompt, modelIdentity(model));
  await savePrompt(settings.store, prompt);
  const { method, virtualTokens, training, task = "question" } = prompt.about;
  const read = task === "input" ? "inputs that stand alone" : `passages: ${training.passagesMax}`;
  terminal.result(
    { name, method, virtualTokens, placement: prompt.about.placement },
    () =>
      `Prompt "${name}" was imported (${method}; ${read}). Use it: foreword ask "…" --prompt ${name}`,
  );
}

/** What export would have written there is called so, unless a prompt has the name. @throws RagError config/invalid */
function freeName(store: string, path: string): string {
  const file = basename(resolve(path));
  const suffix = Object.values(SUFFIXES).find((one) => file.endsWith(one)) ?? "";
  const name = file.slice(0, file.length - suffix.length);
  if (!hasPrompt(store, name)) return name;
  throw new RagError(
    "config/invalid",
    `prompt "${name}": is in the store already; give --name ${name} to replace it, or another name.`,
    { param: "name" },
  );
}

function requirePlacement(placement: string | undefined): "between" | "prefix" | undefined {
  const known = ["between", "prefix", undefined] as const;
  if (known.some((one) => one === placement)) return placement as (typeof known)[number];
  throw new RagError(
    "config/invalid",
    `--placement: expected between or prefix, found ${JSON.stringify(placement)}.`,
  );
}
