/** Of deep tokens; measured in bench/results. */
export const DEEP_LEARNING_RATE = 2e-2;
