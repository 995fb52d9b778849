/**
 * Does a work for each index below `count`, at most `limit` at once; gives the results in the order of the indices. After a failure
 * nothing more is begun.
 * @throws what the work throws first
 */
export async function fewAtOnce<Result>(
  count: number,
  limit: number,
  work: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const workOn = async () => {
    while (next < count) {
      const index = next++;
      try {
        results[index] = await work(index);
      } catch (thrown) {
        next = count;
        throw thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, workOn));
  return results;
}
