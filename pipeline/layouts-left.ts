/** What is told of layouts of weights that could not be removed. `left`: where in the cache, and why. */
export const layoutsLeft = (left: string): string =>
  `what was laid out of its weights could not all be removed from the cache (${left}); delete that folder when no program has it open.`;
