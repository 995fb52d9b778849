/** One line of a plot. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const [WIDTH, HEIGHT] = [640, 400];
const MARGIN = { left: 70, right: 150, top: 40, bottom: 50 };
const COLORS = ["#1f6fb2", "#c4531d", "#2f8f5b", "#7a4fa3"];

/** Lines over two logarithmic axes as an SVG image; x and y above 0. */
export function plotSvg(plot: {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}): string {
  const points = plot.series.flatMap((series) => series.points);
  const x = axis(
    points.map(([value]) => value),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = axis(
    points.map(([, value]) => value),
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  );
  const lines = plot.series.map(({ points: own, name }, index) => {
    const color = COLORS[index % COLORS.length]!;
    const path = own.map(([a, b]) => `${x.place(a).toFixed(1)},${y.place(b).toFixed(1)}`);
    const dots = path.map((point) => {
      const [cx, cy] = point.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${color}"/>`;
    });
    const label = text(
      WIDTH - MARGIN.right + 10,
      y.place(own.at(-1)![1]) + 4,
      name,
      "start",
      color,
    );
    return `<polyline points="${path.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join("")}${label}`;
  });
  const ticks = [
    ...x.ticks.map((value) =>
      text(x.place(value), HEIGHT - MARGIN.bottom + 20, short(value), "middle"),
    ),
    ...y.ticks.map((value) => text(MARGIN.left - 8, y.place(value) + 4, short(value), "end")),
    ...y.ticks.map(
      (value) =>
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y.place(value).toFixed(1)}" y2="${y.place(value).toFixed(1)}" stroke="#ddd"/>`,
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
${text(WIDTH / 2, 22, plot.title, "middle")}
${text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 10, plot.x, "middle")}
${text(MARGIN.left, MARGIN.top - 6, plot.y, "middle")}
${ticks.join("\n")}
${lines.join("\n")}
</svg>
`;
}

/** A logarithmic axis from `start` to `end` in pixels. */
function axis(values: readonly number[], start: number, end: number) {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  const span = Math.max(high - low, 1e-9);
  const place = (value: number) => start + ((Math.log(value) - low) / span) * (end - start);
  const steps = [low, low + span / 3, low + (2 * span) / 3, high];
  return { place, ticks: steps.map(Math.exp) };
}

const short = (value: number): string =>
  value >= 1e6 ? `${(value / 1e6).toPrecision(3)}M` : String(Number(value.toPrecision(3)));

const text = (x: number, y: number, content: string, anchor: string, color = "#333"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${color}">${content}</text>`;
