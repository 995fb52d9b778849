/**
 * What is trained, in the words of PEFT's print_trainable_parameters: "trainable params: 9,216 || all params: 134,524,224 ||
 * trainable%: 0.0069".
 */
export function parameterReport(counts: {
  readonly trainableParameters: number;
  readonly allParameters: number;
}): string {
  const { trainableParameters: trained, allParameters: all } = counts;
  const grouped = (count: number) => count.toLocaleString("en-US");
  const share = ((100 * trained) / all).toFixed(4);
  return `trainable params: ${grouped(trained)} || all params: ${grouped(all)} || trainable%: ${share}`;
}
