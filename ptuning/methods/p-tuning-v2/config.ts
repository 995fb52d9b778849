/** Of deep tokens: the best of 1e-2, 2e-2 and 4e-2 on SQuAD (docs/training.md); --find-learning-rate finds one for given pairs. */
export const DEEP_LEARNING_RATE = 4e-2;
/** What changes queries is trained at a fortieth of that rate, as LoRA is. */
export const QUERY_RATE_SHARE = 1 / 40;
