import type { Command } from "commander";

/** Adds the flags of reranking to a command that searches; they are settings, see `command-line.ts`. */
export function withRerankFlags(command: Command): Command {
  return command
    .option(
      "--rerank <how>",
      "order the best passages again by the question's likelihood after each, as the generator finds it (likelihood), or by a cross-encoder (default: none)",
    )
    .option("--reranker <model>", "the folder of the cross-encoder")
    .option("--rerank-depth <count>", "passages that are ordered again (default: 18)");
}
