import { spawnSync } from "node:child_process";
import { findChromium } from "./find-chromium.ts";

/**
 * Before `npm test`: installs Debian's Chromium where there is no browser and it can be installed without asking (as root, in
 * containers and CI). Elsewhere the tests of the page say how to get one.
 */
const isRoot = process.getuid?.() === 0;
if (!findChromium() && isRoot && spawnSync("apt-get", ["--version"]).status === 0) {
  process.stderr.write("No Chromium for the tests of the page: installing it with apt-get…\n");
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const step of [
    ["update", "-qq"],
    ["install", "-y", "-qq", "--no-install-recommends", "chromium"],
  ]) {
    const { status } = spawnSync("apt-get", step, {
      stdio: ["ignore", "ignore", "inherit"],
      env: environment,
    });
    if (status !== 0) process.stderr.write(`apt-get ${step[0]} ended with ${status}.\n`);
  }
}
