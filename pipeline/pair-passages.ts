import { isQuestion, type QaPair } from "../ptuning/index.ts";
import type { Passage } from "./passage.ts";
import type { Workspace } from "./workspace.ts";

/** Fails before anything slow is started. @throws RagError store/empty when there are questions and nothing to search */
export async function requireDocumentsFor(
  pairs: readonly QaPair[],
  workspace: Workspace,
): Promise<void> {
  if (pairs.some(isQuestion)) await workspace.requireDocuments();
}

/** For each pair the best `count` passages; none for an input. @throws RagError store/* */
export async function passagesFor(
  pairs: readonly QaPair[],
  count: number,
  workspace: Workspace,
  signal?: AbortSignal,
): Promise<Passage[][]> {
  const questions = pairs.filter(isQuestion).map(({ question }) => question);
  if (questions.length === 0) return pairs.map(() => []);
  const found = (await workspace.retrieveMany(questions, count, signal)).values();
  return pairs.map((pair) => (isQuestion(pair) ? found.next().value! : []));
}
