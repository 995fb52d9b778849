/** What terminals obey instead of showing: C0 and C1 controls, but not tab and line feed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** Invisible marks that show text in another order than it is written. */
const BIDI_CONTROLS = /\p{Bidi_Control}/gu;
const SHOWN_INSTEAD = "\ufffd";

/**
 * Text as a terminal shows it and does not obey it: what came from documents, file names or a model could else move the cursor, write to
 * the clipboard or look like something else.
 * @see ECMA-48, control functions; Unicode Standard Annex 9, directional formatting characters
 */
export const plainText = (text: string): string =>
  text.replaceAll("\r\n", "\n").replace(CONTROLS, SHOWN_INSTEAD).replace(BIDI_CONTROLS, "");
