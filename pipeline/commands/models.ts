import { Command } from "commander";
import { listModels, removeModel } from "../../runtime/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { layoutsLeft } from "../layouts-left.ts";
import { table } from "../terminal.ts";

/** `foreword models`: what can be asked for by name, and what is on this machine. */
export function modelsCommand(host: CommandHost): Command {
  const models = new Command("models").description("list, fetch and remove models");
  const list = models
    .command("ls")
    .description("models known by name, and whether they are cached")
    .action(() => host.run(list, {}, listAll));
  const pull = models
    .command("pull")
    .description("fetch models into the cache (default: the generator and the embedder in use)")
    .argument("[name...]")
    .action((names: string[]) => host.run(pull, {}, (context) => fetchAll(context, names)));
  const remove = models
    .command("rm")
    .description("remove a model from the cache")
    .argument("<name>")
    .action((name: string) => host.run(remove, {}, (context) => removeOne(context, name)));
  withExample(list, "foreword models ls --json");
  withExample(pull, "foreword models pull smollm2-135m-instruct");
  withExample(remove, "foreword models rm smollm2-135m-instruct");
  return withExample(models, "foreword models pull smollm2-135m-instruct");
}

async function listAll({ settings, terminal }: CommandContext): Promise<void> {
  const models = await listModels(settings.cache);
  terminal.result({ models }, () =>
    table([
      ["model", "kind", "license", "MB", "cached"],
      ...models.map(({ name, kind, license, bytes, cached }) => [
        name,
        kind,
        license,
        (bytes / 1e6).toFixed(0),
        cached ? "yes" : "no",
      ]),
    ]),
  );
}

async function fetchAll(
  { settings, terminal, workspace }: CommandContext,
  names: readonly string[],
): Promise<void> {
  const wanted = names.length > 0 ? names : [settings.model, settings.embedder];
  const models: object[] = [];
  for (const name of wanted) {
    const { fingerprint } = await workspace.resolveModel(name);
    models.push({ name, fingerprint });
  }
  terminal.result({ models }, () => wanted.map((name) => `${name} is ready.`).join("\n"));
}

async function removeOne({ settings, terminal }: CommandContext, name: string): Promise<void> {
  const { isRemoved: removed, left } = await removeModel(settings.cache, name);
  if (left) terminal.warn(layoutsLeft(left));
  terminal.result({ name, removed }, () =>
    removed ? `${name} was removed from the cache.` : `${name} was not in the cache.`,
  );
}
