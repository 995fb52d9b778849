import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { Command } from "commander";
import { aborted } from "../../core/index.ts";
import { answerSettings, withAnswerFlags } from "../answer-flags.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { createMcpServer } from "../mcp/mcp-server.ts";
import { answersAndSearch } from "../open-foreword.ts";
import { withRerankFlags } from "../rerank-flags.ts";

/** `foreword mcp`: the store's documents as tools of the Model Context Protocol, over stdin and stdout. */
export function mcpCommand(host: CommandHost): Command {
  const command = withAnswerFlags(
    new Command("mcp").description(
      "offer search and ask to programs that speak the Model Context Protocol (stdio)",
    ),
  ).action((flags) => host.run(command, answerSettings(flags), serveMcp));
  return withExample(
    withRerankFlags(command),
    '{"mcpServers": {"foreword": {"command": "node", "args": ["/path/to/foreword/dist/pipeline/main.js", "mcp", "--store", "/path/to/.foreword"]}}}',
  );
}

/** Until the other side closes stdin, or a signal. Stdout belongs to the protocol. */
async function serveMcp({
  workspace,
  settings,
  signal,
  endedBy,
}: CommandContext): Promise<ExitCode> {
  const server = createMcpServer(answersAndSearch(workspace, settings));
  const ended = new Promise<void>((resolve) => {
    process.stdin.once("end", resolve).once("close", resolve);
  });
  await server.connect(new StdioServerTransport());
  // Clients give a call a minute, in which models may have to be fetched.
  void workspace.openAhead();
  await Promise.race([ended, aborted(signal)]);
  await server.close();
  return endedBy() === "SIGINT" ? EXIT.interrupted : EXIT.done;
}
