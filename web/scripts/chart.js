import { svg } from "./dom.js";

const WIDTH = 560;
const HEIGHT = 180;
const EDGE = { left: 44, right: 12, top: 12, bottom: 24 };

/** @typedef {{ x: number, y: number }} Point */

/**
 * A line through points, with its axis' ends named. `maxX`: where the line will end, so that it grows to the right.
 * @param {Point[]} points
 * @param {{ label: string, maxX: number, minY?: number, maxY?: number, digits?: number, dots?: boolean }} options
 */
export function lineChart(points, { label, maxX, minY, maxY, digits = 2, dots = false }) {
  const values = points.map(({ y }) => y);
  const low = minY ?? Math.min(...values, 0);
  const high = Math.max(maxY ?? Math.max(...values, low + 1e-9), low + 1e-9);
  const x = (/** @type {number} */ value) =>
    EDGE.left + (value / Math.max(1, maxX)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (/** @type {number} */ value) =>
    HEIGHT - EDGE.bottom - ((value - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const path = points.map(
    (point, index) => `${index === 0 ? "M" : "L"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`,
  );
  const last = points.at(-1);
  const summary = last
    ? `${label}: ${last.y.toFixed(digits)} at ${last.x}`
    : `${label}: nothing yet`;
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": summary },
    svg("path", {
      class: "axis",
      d: `M${EDGE.left} ${EDGE.top}V${HEIGHT - EDGE.bottom}H${WIDTH - EDGE.right}`,
    }),
    svg("text", { x: EDGE.left - 6, y: EDGE.top + 10, "text-anchor": "end" }, high.toFixed(digits)),
    svg(
      "text",
      { x: EDGE.left - 6, y: HEIGHT - EDGE.bottom, "text-anchor": "end" },
      low.toFixed(digits),
    ),
    svg("text", { x: WIDTH - EDGE.right, y: HEIGHT - 6, "text-anchor": "end" }, String(maxX)),
    svg("path", { class: "line", d: path.join("") }),
    ...(dots ? points : last ? [last] : []).map((point) =>
      svg("circle", { class: "dot", cx: x(point.x), cy: y(point.y), r: 3 }),
    ),
  );
}

/**
 * The mean of each `size` neighbours: a batch's loss jumps about.
 * @param {Point[]} points
 * @param {number} size
 */
export function smoothed(points, size) {
  return points.map((point, index) => {
    const window = points.slice(Math.max(0, index - size + 1), index + 1);
    return { x: point.x, y: window.reduce((sum, one) => sum + one.y, 0) / window.length };
  });
}
