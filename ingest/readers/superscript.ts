const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((digit, value) => [value, digit])),
  "+": "⁺",
  "-": "⁻",
  "−": "⁻",
};

/**
 * Raised digits and signs as Unicode's superscripts, beside what stands before them: 8 with a footnote's 1 is not 81, nor 10 to the 9th 109.
 * Other text as it is.
 */
export const raised = (text: string): string =>
  /^\s*[\d+−-]+\s*$/.test(text)
    ? text.trimStart().replace(/\S/g, (character) => SUPERSCRIPTS[character]!)
    : text;
