import { join } from "node:path";
import { RagError, systemReason } from "../../core/index.ts";
import { takeStoreLock } from "../../retriever/index.ts";

/**
 * Keeps every other training of these names out of a store until the result is called: two would overwrite each other's checkpoints. The
 * locks are the operating system's, and end with this process, however it ends and however busy it is.
 * @throws RagError file/locked at once, naming who trains; file/write-failed
 */
export async function lockTraining(
  store: string,
  names: Iterable<string>,
): Promise<() => Promise<void>> {
  const taken: (() => Promise<void>)[] = [];
  // Free even where the file that names the owner stays, which the next one overwrites: no reason to fail a training that has ended.
  const release = async () => {
    await Promise.allSettled(taken.map((letGo) => letGo()));
  };
  try {
    for (const name of names) taken.push(await lockName(store, name));
    return release;
  } catch (thrown) {
    await release();
    throw thrown;
  }
}

/** Beside checkpoints, in a folder that no prompt can be called. */
const lockFolder = (store: string, name: string): string =>
  join(store, "training", ".running", name);

async function lockName(store: string, name: string): Promise<() => Promise<void>> {
  let other = "another foreword process";
  const onWait = (owner: string) => {
    other = owner;
  };
  try {
    return await takeStoreLock(lockFolder(store, name), { job: "tune", onWait });
  } catch (cause) {
    if (!(cause instanceof RagError)) throw cause;
    if (cause.code === "file/locked") {
      throw new RagError(
        "file/locked",
        `prompt "${name}": ${other} trains under this name; wait for it to end, or take another --name.`,
        { cause, param: "name" },
      );
    }
    if (cause.code !== "file/write-failed") throw cause;
    throw new RagError(
      "file/write-failed",
      `prompt "${name}": its training cannot be saved in this store (${systemReason(cause.cause)}); check permissions and free space.`,
      { cause },
    );
  }
}
