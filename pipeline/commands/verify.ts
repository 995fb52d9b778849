import { Command } from "commander";
import { errorMessage } from "../../core/index.ts";
import { listPrompts, loadPrompt } from "../../ptuning/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { describeFindings, type Finding } from "../findings.ts";

/** `foreword verify`: whether the store is whole. */
export function verifyCommand(host: CommandHost): Command {
  const command = new Command("verify")
    .description("check the store: database, index and learned prompts")
    .action(() => host.run(command, {}, verify));
  return withExample(command, "foreword verify --store .foreword");
}

async function verify(context: CommandContext): Promise<ExitCode> {
  const findings = [
    ...(await context.workspace.checkDocuments()),
    ...(await checkPrompts(context)),
  ];
  const ok = findings.every((finding) => finding.ok);
  context.terminal.result({ ok, findings }, () => describeFindings(findings));
  return ok ? EXIT.done : EXIT.failed;
}

async function checkPrompts({ settings }: CommandContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name } of await listPrompts(settings.store)) {
    const check = `prompt "${name}"`;
    try {
      await loadPrompt(settings.store, name);
      findings.push({ check, ok: true, detail: "whole" });
    } catch (thrown) {
      findings.push({ check, ok: false, detail: errorMessage(thrown) });
    }
  }
  return findings;
}
