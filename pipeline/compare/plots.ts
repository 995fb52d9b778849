import { escaped } from "../evaluation/html-page.ts";

/** A named line or a set of points. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** 95% interval of each point. */
  readonly ranges?: readonly (readonly [low: number, high: number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly isLogarithmic?: boolean;
  readonly hasLines?: boolean;
}

const SIZE = { width: 640, height: 360, left: 56, right: 190, top: 36, bottom: 44 };
const TICKS = 5;
const LOGARITHM_MARGIN = 0.05;
/** Told apart by people who do not see red and green (Okabe and Ito). */
const COLOURS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#8a7500",
  "#777",
];

/** A plot as SVG text for a page that styles it; empty when there is nothing to show. */
export function plot(series: readonly Series[], options: PlotOptions): string {
  const shown = series.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return "";
  const scale = scalesOf(shown, options);
  const lines = shown.map((one, index) => drawSeries(one, colour(index), scale, options));
  const legend = shown.map(({ name }, index) => legendLine(name, index));
  const { width, height, left, top } = SIZE;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(options.title)}"><text x="${left}" y="${top - 16}" class="title">${escaped(options.title)}</text>${axes(scale, options)}${lines.join("")}${legend.join("")}</svg>`;
}

const FILE_STYLE =
  "<style>svg{font:12px system-ui,sans-serif}.title{font-weight:600;font-size:14px}.grid{stroke:#8884}</style>";

/** A plot as a file of its own, readable on any background. */
export const plotFile = (svg: string): string =>
  svg.replace(">", `>${FILE_STYLE}<rect width="100%" height="100%" fill="#fff"/>`);

interface Scales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scalesOf(series: readonly Series[], { isLogarithmic = false }: PlotOptions): Scales {
  const xs = series.flatMap(({ points }) => points.map(([x]) => x));
  const ys = series.flatMap(({ points, ranges }) => [
    ...points.map(([, y]) => y),
    ...(ranges ?? []).flat(),
  ]);
  const bend = (value: number) => (isLogarithmic ? Math.log10(Math.max(1, value)) : value);
  const ends = widened(bend(Math.min(...xs)), bend(Math.max(...xs)));
  // The logarithm of a few sizes: none of them on the frame.
  const margin = isLogarithmic ? Math.max(0.1, LOGARITHM_MARGIN * (ends[1] - ends[0])) : 0;
  const [xLow, xHigh] = [ends[0] - margin, ends[1] + margin];
  const [yLow, yHigh] = widened(Math.min(0, ...ys), Math.max(...ys));
  const { width, height, left, right, top, bottom } = SIZE;
  const xTicks = isLogarithmic ? powerTicks(xLow, xHigh) : ticks(xLow, xHigh);
  return {
    x: (value) => left + ((bend(value) - xLow) / (xHigh - xLow)) * (width - left - right),
    y: (value) => height - bottom - ((value - yLow) / (yHigh - yLow)) * (height - top - bottom),
    xTicks,
    yTicks: ticks(yLow, yHigh),
  };
}

const widened = (low: number, high: number): readonly [number, number] =>
  high > low ? [low, high] : [low - 0.5, high + 0.5];

const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

/** Round numbers within the range. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  return range(Math.ceil(low / step), Math.floor(high / step)).map((count) => count * step);
}

/** Powers of ten within the range of logarithms; over a short one their 2- and 5-fold too. */
function powerTicks(low: number, high: number): number[] {
  const factors = high - low < 2 ? [1, 2, 5] : [1];
  return range(Math.floor(low), Math.floor(high))
    .flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
}

function axes({ x, y, xTicks, yTicks }: Scales, options: PlotOptions): string {
  const { width, height, left, right, bottom } = SIZE;
  const horizontal = yTicks.map(
    (value) =>
      `<line x1="${left}" x2="${width - right}" y1="${at(y(value))}" y2="${at(y(value))}" class="grid"/><text x="${left - 6}" y="${at(y(value) + 4)}" text-anchor="end">${label(value)}</text>`,
  );
  const vertical = xTicks.map(
    (value) =>
      `<text x="${at(x(value))}" y="${height - bottom + 16}" text-anchor="middle">${label(value)}</text>`,
  );
  const names = `<text x="${left}" y="${height - 8}">${escaped(options.x)}</text><text x="8" y="20">${escaped(options.y)}</text>`;
  return `<g class="axes">${horizontal.join("")}${vertical.join("")}${names}</g>`;
}

function drawSeries(
  { points, ranges = [] }: Series,
  stroke: string,
  { x, y }: Scales,
  { hasLines = false }: PlotOptions,
): string {
  const path = points.map(([px, py]) => `${at(x(px))},${at(y(py))}`).join(" ");
  const line = hasLines
    ? `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="2"/>`
    : "";
  const dots = hasLines && points.length > 30 ? [] : points;
  const marks = dots.map(
    ([px, py]) => `<circle cx="${at(x(px))}" cy="${at(y(py))}" r="4" fill="${stroke}"/>`,
  );
  const bars = ranges.map(([low, high], index) => {
    const place = at(x(points[index]![0]));
    return `<line x1="${place}" x2="${place}" y1="${at(y(low))}" y2="${at(y(high))}" stroke="${stroke}"/>`;
  });
  return `${line}${bars.join("")}${marks.join("")}`;
}

function legendLine(name: string, index: number): string {
  const [x, y] = [SIZE.width - SIZE.right + 14, SIZE.top + 8 + index * 18];
  return `<circle cx="${x}" cy="${y}" r="4" fill="${colour(index)}"/><text x="${x + 9}" y="${y + 4}">${escaped(name.slice(0, 26))}</text>`;
}

const colour = (index: number) => COLOURS[index % COLOURS.length]!;
const at = (value: number) => value.toFixed(1);
const label = (value: number) =>
  Math.abs(value) >= 10_000
    ? `${Number((value / 1000).toPrecision(3)).toLocaleString("en-US")}k`
    : String(Number(value.toPrecision(4)));
