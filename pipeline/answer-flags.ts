import type { Command } from "commander";

/** Adds the flags of how questions are answered to a command that answers them; see {@link answerSettings}. */
export function withAnswerFlags(command: Command): Command {
  return command
    .option(
      "--prompt <name>",
      'learned prompt, or "none" (default: the newest finished one that fits the model)',
    )
    .option("--tokens <count>", "the learned prompt's first virtual tokens only")
    .option("--k <count>", "passages to read (default: as the prompt was trained, or 3)")
    .option("--max-tokens <count>", "longest answer (default: 128)")
    .option(
      "--min-similarity <number>",
      "of the closest passage, for a question to be answered (default: 0.2)",
    );
}

/** Those flags as settings. */
export const answerSettings = ({
  prompt,
  tokens,
  k,
  maxTokens,
  minSimilarity,
}: Readonly<Record<string, unknown>>) => ({ prompt, tokens, k, maxTokens, minSimilarity });
