import { killCampaign } from "./kill-campaign.ts";

/** `node --import tsx test/campaigns/kill-store.ts [kills] [seed]`: the long campaign; 1,000 kills unless told otherwise. */
const [kills = "1000", seed = "1"] = process.argv.slice(2);
const result = await killCampaign({
  kills: Number(kills),
  seed: Number(seed),
  onKill: (kill) => process.stderr.write(`\r${kill} of ${kills} `),
});
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
process.exitCode = result.problems.length === 0 ? 0 : 1;
