import assert from "node:assert/strict";
import { test } from "node:test";
import { killCampaign } from "./kill-campaign.ts";

test("30 processes killed while they add, update, delete, compact, reindex, back up and restore lose nothing and leave nothing half", async () => {
  const { problems, within, acknowledged } = await killCampaign({ kills: 30, seed: 11 });
  assert.deepEqual(problems, []);
  const inTheMiddle = Object.values(within).reduce((sum, count) => sum + count, 0);
  assert.ok(inTheMiddle >= 15, `${inTheMiddle} of 30 kills fell into work`);
  assert.ok(acknowledged >= 20, `${acknowledged} changes were acknowledged`);
});
