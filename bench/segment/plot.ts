/**
 * Plots as SVG: bars of ratios by engine, and lines of costs by number of connections.
 *
 * Called by document.ts. No library: two kinds of plot, a few shapes each.
 */

const WIDTH = 880;
const MARGIN = { left: 70, right: 210, top: 40, bottom: 40 };
const HEIGHT = 320;
/** One for each series: as many as there are engines. */
const COLOURS = [
  ...["#1f6f8b", "#e07a1f", "#5a8f29", "#8a3ffc", "#c2185b", "#8d6e63", "#333333", "#00a08a"],
  "#e8b100",
];
const STYLE = "font-family='sans-serif' font-size='12' fill='#333'";

/** A name and a value for each group; undefined where there is none. */
interface Series {
  name: string;
  values: readonly (number | undefined)[];
}

interface Plot {
  title: string;
  /** What stands below, one for each value. */
  groups: readonly string[];
  series: readonly Series[];
}

const innerWidth = WIDTH - MARGIN.left - MARGIN.right;
const innerHeight = HEIGHT - MARGIN.top - MARGIN.bottom;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function label(x: number, y: number, text: string, anchor = "middle"): string {
  const place = `x='${x.toFixed(1)}' y='${y.toFixed(1)}' text-anchor='${anchor}'`;
  return `<text ${place} ${STYLE}>${escape(text)}</text>`;
}

/** A line across the plot. */
function level(height: number, colour: string): string {
  const y = height.toFixed(1);
  const ends = `x1='${MARGIN.left}' y1='${y}' x2='${WIDTH - MARGIN.right}' y2='${y}'`;
  return `<line ${ends} stroke='${colour}'/>`;
}

function legend(series: readonly Series[]): string[] {
  return series.flatMap(({ name }, i) => {
    const y = MARGIN.top + 10 + i * 20;
    const x = WIDTH - MARGIN.right + 14;
    const box = `<rect x='${x}' y='${y - 10}' width='12' height='12' fill='${COLOURS[i]}'/>`;
    return [box, label(x + 18, y, name, "start")];
  });
}

function frame(plot: Plot, shapes: readonly string[]): string {
  const { title, groups, series } = plot;
  const bottom = HEIGHT - MARGIN.bottom;
  const step = innerWidth / groups.length;
  const names = groups.map((group, i) => label(MARGIN.left + (i + 0.5) * step, bottom + 18, group));
  return [
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${WIDTH} ${HEIGHT}'>`,
    `<rect width='${WIDTH}' height='${HEIGHT}' fill='#fff'/>`,
    label(WIDTH / 2, 22, title),
    ...shapes,
    level(bottom, "#333"),
    ...names,
    ...legend(series),
    "</svg>\n",
  ].join("\n");
}

/** Bars of ratios, with a line at 1; what is beyond `most` is cut, its number stands on top. */
export function plotBars(plot: Plot, most: number): string {
  const yOf = (value: number) => MARGIN.top + innerHeight * (1 - Math.min(value, most) / most);
  const step = innerWidth / plot.groups.length;
  const width = (0.8 * step) / plot.series.length;
  const bars = plot.series.flatMap(({ values }, i) =>
    values.flatMap((value, j) => {
      if (value === undefined) return [];
      const x = MARGIN.left + j * step + 0.1 * step + i * width;
      const y = yOf(value);
      const height = HEIGHT - MARGIN.bottom - y;
      const place = `x='${x.toFixed(1)}' y='${y.toFixed(1)}' width='${width.toFixed(1)}'`;
      const bar = `<rect ${place} height='${height.toFixed(1)}' fill='${COLOURS[i]}'/>`;
      return value > most ? [bar, label(x + width / 2, y - 4, value.toFixed(1))] : [bar];
    }),
  );
  const scale = [0.5, 1, most].flatMap((value) => [
    level(yOf(value), value === 1 ? "#999" : "#ddd"),
    label(MARGIN.left - 8, yOf(value) + 4, String(value), "end"),
  ]);
  return frame(plot, [...scale, ...bars]);
}

/** Lines over groups, on a logarithmic scale from 10^`from` to 10^`to`. */
export function plotLines(plot: Plot, from: number, to: number): string {
  const yOf = (value: number) =>
    MARGIN.top + innerHeight * (1 - (Math.log10(value) - from) / (to - from));
  const step = innerWidth / plot.groups.length;
  const xOf = (i: number) => MARGIN.left + (i + 0.5) * step;
  const powers = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const scale = powers.flatMap((power) => [
    level(yOf(power), "#ddd"),
    label(MARGIN.left - 8, yOf(power) + 4, power.toLocaleString("en-US"), "end"),
  ]);
  const shapes = plot.series.flatMap(({ values }, i) => {
    const points = values.flatMap((value, j) =>
      value === undefined ? [] : [[xOf(j), yOf(value)] as const],
    );
    const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const dots = points.map(
      ([x, y]) => `<circle cx='${x.toFixed(1)}' cy='${y.toFixed(1)}' r='4' fill='${COLOURS[i]}'/>`,
    );
    return [`<polyline points='${path}' fill='none' stroke='${COLOURS[i]}'/>`, ...dots];
  });
  return frame(plot, [...scale, ...shapes]);
}
