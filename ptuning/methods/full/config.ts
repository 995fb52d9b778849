/** Of a whole model: small, because everything moves. */
export const FULL_LEARNING_RATE = 2e-5;
