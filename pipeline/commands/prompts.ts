import { Command } from "commander";
import { listPrompts, loadPrompt, type PromptRecord, removePrompt } from "../../ptuning/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { table } from "../terminal.ts";

/** `foreword prompts`: the store's learned prompts. */
export function promptsCommand(host: CommandHost): Command {
  const prompts = new Command("prompts").description("list, show and remove learned prompts");
  const list = prompts
    .command("ls")
    .description("the store's learned prompts")
    .action(() => host.run(list, {}, listAll));
  const show = prompts
    .command("show")
    .description("how a learned prompt was trained")
    .argument("<name>")
    .action((name: string) => host.run(show, {}, (context) => showOne(context, name)));
  const remove = prompts
    .command("rm")
    .description("remove a learned prompt")
    .argument("<name>")
    .action((name: string) => host.run(remove, {}, (context) => removeOne(context, name)));
  return withExample(prompts, "foreword prompts show handbook");
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

async function showOne({ settings, terminal }: CommandContext, name: string): Promise<void> {
  const { about } = await loadPrompt(settings.store, name);
  terminal.result(about, () => JSON.stringify(about, null, 2));
}

async function removeOne({ settings, terminal }: CommandContext, name: string): Promise<void> {
  await removePrompt(settings.store, name);
  terminal.result({ name, removed: true }, () => `Prompt "${name}" was removed.`);
}
