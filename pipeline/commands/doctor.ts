import { access, constants, mkdir } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { Command } from "commander";
import { errorMessage, systemReason } from "../../core/index.ts";
import { loadTensorFlow } from "../../ptuning/index.ts";
import { hnswlib, loadSqlite } from "../../retriever/index.ts";
import { listModels, runtimeVersion } from "../../runtime/index.ts";
import { type CommandContext, type CommandHost, withExample } from "../command-host.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { describeFindings, type Finding } from "../findings.ts";

const MIN_NODE = [20, 19] as const;
const MIN_MEMORY_BYTES = 4e9;

/** `foreword doctor`: whether this machine and installation can do the work. */
export function doctorCommand(host: CommandHost): Command {
  const command = new Command("doctor")
    .description("check this machine and the installation")
    .action(() => host.run(command, {}, diagnose));
  return withExample(command, "foreword doctor");
}

async function diagnose({ settings, terminal }: CommandContext): Promise<ExitCode> {
  const findings = [
    checkNode(process.versions.node),
    { check: "processor", ok: true, detail: `${availableParallelism()} cores` },
    checkMemory(),
    await checkFolder("model cache", settings.cache),
    ...(await checkModels(settings.cache)),
    checkPackage("SQLite", loadSqlite, "keeps documents"),
    checkPackage("hnswlib", hnswlib, "finds vectors"),
    checkPackage("ONNX Runtime", runtimeVersion, "runs models"),
    await checkTraining(),
  ];
  const ok = findings.every((finding) => finding.ok);
  terminal.result({ ok, findings }, () => describeFindings(findings));
  return ok ? EXIT.done : EXIT.failed;
}

function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const ok = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  return { check: "Node", ok, detail: `${version}, needs ${MIN_NODE.join(".")} or later` };
}

function checkMemory(): Finding {
  const bytes = totalmem();
  const detail = `${(bytes / 1e9).toFixed(1)} GB, training wants ${MIN_MEMORY_BYTES / 1e9} or more`;
  return { check: "memory", ok: bytes >= MIN_MEMORY_BYTES, detail };
}

async function checkFolder(check: string, folder: string): Promise<Finding> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return { check, ok: true, detail: "can be written" };
  } catch (thrown) {
    return {
      check,
      ok: false,
      detail: `cannot be written (${systemReason(thrown)}); set FOREWORD_CACHE`,
    };
  }
}

async function checkModels(cache: string): Promise<Finding[]> {
  const models = await listModels(cache);
  return models.map(({ name, cached }) => ({
    check: `model ${name}`,
    ok: true,
    detail: cached ? "cached" : `not here yet; foreword models pull ${name}`,
  }));
}

/** Loads a package with native parts. */
function checkPackage(check: string, load: () => unknown, purpose: string): Finding {
  try {
    const loaded = load();
    return {
      check,
      ok: true,
      detail: typeof loaded === "string" ? `${loaded}, ${purpose}` : purpose,
    };
  } catch (thrown) {
    return { check, ok: false, detail: errorMessage(thrown) };
  }
}

async function checkTraining(): Promise<Finding> {
  const check = "TensorFlow.js";
  try {
    const { backend, refused } = await loadTensorFlow();
    const reasons = refused.map((one) => `; ${one.backend} did not start: ${one.reason}`).join("");
    return { check, ok: true, detail: `backend ${backend}${reasons}` };
  } catch (thrown) {
    return { check, ok: false, detail: errorMessage(thrown) };
  }
}
