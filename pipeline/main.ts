#!/usr/bin/env node
import { homedir } from "node:os";
import { runCommandLine } from "./command-line.ts";

// The only place that reads the environment.
await runCommandLine({
  argv: process.argv,
  environment: process.env,
  platform: process.platform,
  home: homedir(),
});
