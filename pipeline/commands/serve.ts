import { Command } from "commander";
import { createLog } from "../../core/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { createApp } from "../server/app.ts";
import { listen, requireKeyBeyondLoopback } from "../server/listen.ts";
import { ServerState } from "../server/server-state.ts";

/** How long answers in flight may take once the server is asked to end. */
const GRACE_MS = 10_000;

/** `foreword serve`: the OpenAI-compatible endpoint. */
export function serveCommand(host: CommandHost): Command {
  const command = new Command("serve")
    .description("serve an OpenAI-compatible chat endpoint over the documents of the store")
    .option("--port <port>", "0 for any free one (default: 8377)")
    .option("--host <address>", "default: 127.0.0.1; any other needs an API key")
    .option("--api-key <key>", "required of clients; better given as FOREWORD_API_KEY")
    .option("--queue <count>", "requests that may wait (default: 32)")
    .action((flags) =>
      host.run(
        command,
        { port: flags.port, host: flags.host, apiKey: flags.apiKey, queue: flags.queue },
        serve,
      ),
    );
  return withExample(
    command,
    "foreword serve --port 8377",
    "curl http://127.0.0.1:8377/v1/chat/completions -H 'content-type: application/json' \\",
    `  -d '{"model":"foreword","messages":[{"role":"user","content":"How long is the warranty?"}]}'`,
  );
}

/** The port is bound first, so that a taken one is known at once; it is announced when answers can be given. */
async function serve(context: CommandContext): Promise<ExitCode> {
  const { settings, terminal, workspace, signal } = context;
  const { host, port, apiKey } = settings;
  requireKeyBeyondLoopback(host, apiKey);
  const state = new ServerState();
  const log = createLog(settings.debug ? "debug" : settings.quiet ? "error" : "info");
  const answerer = workspace.answerer();
  const app = createApp({ answerer, state, log, apiKey, maxWaiting: settings.queue });
  const server = await listen(app, { host, port });
  try {
    await workspace.warmUp();
    state.becomeReady();
    terminal.line(JSON.stringify({ event: "listening", url: server.url }));
    terminal.note(`Answering at ${server.url}/v1; Ctrl-C ends.`);
    await aborted(signal);
  } finally {
    state.beginDraining();
    await server.close(GRACE_MS);
  }
  return context.endedBy() === "SIGTERM" ? EXIT.done : EXIT.interrupted;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
