import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { errorMessage } from "../../core/index.ts";
import { listPrompts, loadPrompt } from "../../ptuning/index.ts";
import { CORPUS_FILE, checkSavedIndex, openCorpus } from "../../retriever/index.ts";
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

/** What is learned from inputs that stand alone needs no documents. */
const NO_DOCUMENTS: Finding = {
  check: "database",
  ok: true,
  detail: "none; no documents were ingested",
};

/**
 * Checks documents, index and learned prompts; exit code 1 when something is damaged.
 * @throws RagError store/empty for a folder with neither documents nor prompts
 */
export async function verify(context: CommandContext): Promise<ExitCode> {
  const { store } = context.settings;
  const prompts = await checkPrompts(context);
  const hasPromptsOnly = prompts.length > 0 && !existsSync(join(store, CORPUS_FILE));
  const documents = hasPromptsOnly ? [NO_DOCUMENTS] : await checkDocuments(store);
  const findings = [...documents, ...prompts];
  const ok = findings.every((finding) => finding.ok);
  context.terminal.result({ ok, findings }, () => describeFindings(findings));
  return ok ? EXIT.done : EXIT.failed;
}

/** Opens no model: a store is checked where its embedder is not at hand, too. */
async function checkDocuments(store: string): Promise<Finding[]> {
  const corpus = openCorpus(store, { create: false });
  try {
    const { documents, chunks } = corpus.counts();
    const problems = corpus.checkIntegrity();
    const isWhole = problems.length === 0;
    const { ok, detail } = await checkSavedIndex(store, corpus);
    return [
      { check: "database", ok: isWhole, detail: isWhole ? "whole" : problems.join("; ") },
      {
        check: "documents",
        ok: true,
        detail: `${documents} documents, ${chunks} passages, embedded by ${corpus.embedder.id}`,
      },
      { check: "index", ok, detail },
    ];
  } finally {
    corpus.close();
  }
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
