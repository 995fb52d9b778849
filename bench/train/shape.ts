/** Tokens and counts of the measured steps. */
export const PASSAGE = 570;
export const QUESTION = 30;
export const ANSWER = 12;
export const VIRTUAL = 16;
export const BATCH = 8;
export const ROUNDS = 2;
export const EPOCHS = 3;
/** Few, because each takes the peer seconds. */
export const FRONT_BATCH = 1;
export const CONTEXT = 1024;
