import { syncBuiltinESMExports } from "node:module";
import workerThreads from "node:worker_threads";

// Preloaded into a served process: SIGUSR2 gives the engine's thread something it cannot read, and it dies of the exception.
const { Worker } = workerThreads;
const engines = [];
workerThreads.Worker = class extends Worker {
  constructor(file, options) {
    super(file, options);
    if (/generator-worker/.test(`${file} ${options?.argv ?? ""}`)) engines.push(this);
  }
};
syncBuiltinESMExports();
process.on("SIGUSR2", () => engines.at(-1).postMessage(null));
