import { Command } from "commander";
import type { Express } from "express";
import { aborted, createLog, type Log } from "../../core/index.ts";
import { withAnswerFlags } from "../answer-flags.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Jobs } from "../jobs/jobs.ts";
import { withRerankFlags } from "../rerank-flags.ts";
import { createApp } from "../server/app.ts";
import { type Listening, listen, requireKeyBeyondLoopback } from "../server/listen.ts";
import { ServerMetrics } from "../server/metrics.ts";
import { ServerState } from "../server/server-state.ts";
import { apiKeysIn } from "../settings.ts";
import { MAX_DECODED_TOGETHER } from "../workspace.ts";
import { workspaceAnswerer } from "../workspace-answerer.ts";
import { workspaceStoreView } from "../workspace-store-view.ts";

/** How long answers in flight may take once the server is asked to end; then streams are told, and soon after all are cut. */
const GRACE_MS = 8000;
const CUT_MS = 1000;

/** `foreword serve`: the OpenAI-compatible endpoint and the page. */
export function serveCommand(host: CommandHost): Command {
  const command = withAnswerFlags(
    new Command("serve").description(
      "serve the page and an OpenAI-compatible chat endpoint over the store's documents",
    ),
  )
    .option("--port <port>", "0 for any free one (default: 8377)")
    .option("--host <address>", "default: 127.0.0.1; any other needs an API key")
    .option(
      "--api-key <key>",
      "required of clients, several separated by commas; better given as FOREWORD_API_KEY",
    )
    .option(
      "--parallel <count>",
      `answers generated at once; up to ${MAX_DECODED_TOGETHER} are decoded together, each needs memory (default: 8)`,
    )
    .option("--queue <count>", "requests that may wait (default: 32)")
    .option("--per-key <count>", "requests of one key that may run or wait (default: no limit)")
    .option("--timeout <seconds>", "the longest an answer may take (default: 300)")
    .action(({ host: address, ...flags }) => host.run(command, { ...flags, host: address }, serve));
  return withExample(
    withRerankFlags(command),
    "foreword serve --port 8377",
    "curl http://127.0.0.1:8377/v1/chat/completions -H 'content-type: application/json' \\",
    `  -d '{"model":"foreword","messages":[{"role":"user","content":"How long is the warranty?"}]}'`,
  );
}

/** A key that is shorter is warned of. */
const GUESSED_KEY_CHARACTERS = 8;

/** The port is bound first, so that a taken one is known at once; it is announced when answers can be given. */
async function serve(context: CommandContext): Promise<ExitCode> {
  const { settings, terminal, workspace, signal } = context;
  const { host, port } = settings;
  const apiKeys = apiKeysIn(settings.apiKey);
  requireKeyBeyondLoopback(host, apiKeys);
  if (apiKeys.some(({ length }) => length < GUESSED_KEY_CHARACTERS)) {
    terminal.warn(
      `--api-key: a key of fewer than ${GUESSED_KEY_CHARACTERS} characters is soon guessed; take a longer one where others can reach this server.`,
    );
  }
  const state = new ServerState();
  const log = createLog(settings.debug ? "debug" : settings.quiet ? "error" : "info");
  const jobs = new Jobs(settings, log);
  const server = await listen(appOf(context, { state, apiKeys, log, jobs }), { host, port });
  try {
    await workspace.warmUp();
    await jobs.start();
    state.becomeReady();
    terminal.line(JSON.stringify({ event: "listening", url: server.url }));
    terminal.note(`Open ${server.url} in a browser; programs call ${server.url}/v1. Ctrl-C ends.`);
    await aborted(signal);
  } catch (thrown) {
    // Whatever breaks after the signal breaks because of it.
    if (!signal.aborted) throw thrown;
  } finally {
    await Promise.all([shutDown(state, server), jobs.close()]);
  }
  return context.endedBy() === "SIGTERM" ? EXIT.done : EXIT.interrupted;
}

interface ServeParts {
  readonly state: ServerState;
  readonly apiKeys: readonly string[];
  readonly log: Log;
  readonly jobs: Jobs;
}

function appOf({ settings, workspace }: CommandContext, parts: ServeParts): Express {
  const { state, apiKeys, log, jobs } = parts;
  const metrics = new ServerMetrics();
  metrics.watchProcess();
  const answerer = workspaceAnswerer(workspace, settings);
  return createApp({
    answerer,
    state,
    log,
    metrics,
    apiKeys,
    maxActive: settings.parallel,
    maxWaiting: settings.queue,
    perKey: settings.perKey,
    timeoutMs: settings.timeout * 1000,
    page: { store: settings.store, view: workspaceStoreView(workspace, settings), jobs },
  });
}

async function shutDown(state: ServerState, server: Listening): Promise<void> {
  state.beginDraining();
  const cut = setTimeout(() => state.cutAnswers(), GRACE_MS);
  try {
    await server.close(GRACE_MS + CUT_MS);
  } finally {
    clearTimeout(cut);
  }
}
