import { savePrompt } from "../../ptuning/index.ts";
import { describePrompt } from "./learned-prompts.ts";

/** Run as a process of its own: replaces the prompt "manuals" of the store in argv[2] with a large one, and tells what came of it. */
// A file that grows past the limit costs the process its life unless it listens; then the write fails.
process.on("SIGXFSZ", () => undefined);
const tokens = 4000;
const about = describePrompt({ virtualTokens: tokens });
const content = { virtualTokens: new Float32Array(tokens * about.baseModel.width) };
await savePrompt(process.argv[2]!, { about, content }).then(
  () => process.stdout.write("saved"),
  (error: { code?: string; message: string }) =>
    process.stdout.write(JSON.stringify({ code: error.code, message: error.message })),
);
