import { basename } from "node:path";
import { Command } from "commander";
import { backupStore, compactStore, restoreFromBackup } from "../../retriever/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { waitOption } from "../lock-wait.ts";
import { verify } from "./verify.ts";

/** `foreword store`: looking after a store as a whole. */
export function storeCommand(host: CommandHost): Command {
  const store = new Command("store").description("back up, restore, compact and check the store");
  const save = store
    .command("backup")
    .description("write documents, passages and vectors to one file, also while others write")
    .argument("<file>")
    .option("--force", "replace the file when it is there")
    .action((file: string, flags) =>
      host.run(save, {}, (context) => backUp(context, file, flags.force === true)),
    );
  const restore = store
    .command("restore")
    .description("put a backup in the place of the store's documents, once it was found whole")
    .argument("<file>")
    .addOption(waitOption())
    .action((file: string, flags) =>
      host.run(restore, {}, (context) => restoreFrom(context, file, flags.wait)),
    );
  const compact = store
    .command("compact")
    .description("give back the space of removed documents, and build the index anew")
    .addOption(waitOption())
    .action((flags) => host.run(compact, {}, (context) => compactOne(context, flags.wait)));
  const check = store
    .command("verify")
    .description("check database, index and learned prompts (as foreword verify does)")
    .action(() => host.run(check, {}, verify));
  withExample(save, "foreword store backup monday.backup --force");
  withExample(restore, "foreword store restore monday.backup --wait 60");
  withExample(compact, "foreword store compact --store .foreword");
  withExample(check, "foreword store verify --store .foreword");
  return withExample(
    store,
    "foreword store backup monday.backup",
    "foreword store restore monday.backup --store .foreword",
  );
}

async function backUp(
  { settings, terminal }: CommandContext,
  file: string,
  replace: boolean,
): Promise<void> {
  const summary = await backupStore(settings.store, file, { replace });
  terminal.result({ file, ...summary }, () =>
    [
      `${basename(file)}  ${summary.documents} documents, ${summary.chunks} passages, ${megabytes(summary.byteLength)}`,
      "Learned prompts and uploaded files are not in it: copy prompts/ and uploads/ of the store.",
    ].join("\n"),
  );
}

async function restoreFrom(
  { settings, terminal, signal }: CommandContext,
  file: string,
  waitMs: number,
): Promise<void> {
  const summary = await restoreFromBackup(settings.store, file, { waitMs, signal });
  terminal.result(
    { file, ...summary },
    () =>
      `restored  ${summary.documents} documents, ${summary.chunks} passages from ${basename(file)}`,
  );
}

async function compactOne(
  { settings, terminal, signal }: CommandContext,
  waitMs: number,
): Promise<void> {
  const summary = await compactStore(settings.store, { waitMs, signal });
  const { before, after } = summary.byteLength;
  terminal.result(
    summary,
    () =>
      `compacted  ${summary.documents} documents, ${summary.chunks} passages: ${megabytes(before)} before, ${megabytes(after)} now`,
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
