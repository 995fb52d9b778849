/** Of deep tokens: a starting value, found by hand; --find-learning-rate finds one for given pairs. */
export const DEEP_LEARNING_RATE = 2e-2;
