/** Of deep tokens: the best of 1e-2, 2e-2 and 4e-2 on SQuAD (docs/training.md); --find-learning-rate finds one for given pairs. */
export const DEEP_LEARNING_RATE = 4e-2;
