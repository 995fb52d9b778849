const BARS = "▁▂▃▄▅▆▇█";

/** A curve as one line of text, at most `width` characters: means of equal stretches, lowest bar to highest. */
export function sparkline(values: readonly number[], width = 60): string {
  const count = Math.min(width, values.length);
  if (count === 0) return "";
  const means = Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * values.length) / count);
    const to = Math.floor(((index + 1) * values.length) / count);
    const some = values.slice(from, to);
    return some.reduce((sum, value) => sum + value, 0) / some.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const scale = high > low ? (BARS.length - 1) / (high - low) : 0;
  return means.map((mean) => BARS[Math.round((mean - low) * scale)]).join("");
}
