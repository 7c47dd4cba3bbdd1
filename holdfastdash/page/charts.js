// @ts-check
// Charts of the last minute, as SVG that is stretched to its box. Text stands beside it, as HTML.
import { h, mark, say, svg } from "./dom.js";
import { clock } from "./format.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {{name: string, of: (s: Sample) => number|undefined, kind: "area"|"line"|"ticks", style: string}} Series  style is its class in app.css.
 *   An area and a line are drawn to scale; ticks hang from above, one for each sample that is not zero
 * @typedef {{title: string, series: Series[], format: (n: number) => string, top?: (samples: (Sample|null)[]) => number, axes?: "full"|"time"}} Spec
 *   top is where the scale ends, if that is known; else it ends above the largest value. axes are both, or that of the time
 * @typedef {{samples: (Sample|null)[], slots: number, marks: number[], time: number, live: boolean}} Minute
 *   what is drawn: the samples, how many there is room for, where (in slots, from the left) something was changed, when
 *   the last sample was taken, and whether that is now
 */

export const high = 100; // of the drawing, in its own units; it is as wide as there are slots

/** x of sample i: the newest is at the right end. @param {Minute} m @param {number} i */
export const x = (m, i) => m.slots - m.samples.length + i + 0.5;

/** nice rounds a scale's end up to 1, 2, 2.5 or 5 of its decade. @param {number} top */
function nice(top) {
  if (!(top > 0) || !Number.isFinite(top)) return 1;
  const decade = 10 ** Math.floor(Math.log10(top));
  for (const step of [1, 2, 2.5, 5, 10]) if (top <= step * decade * 1.0001) return step * decade;
  return top;
}

/** drawing is an empty picture. @param {...Node} parts */
export const drawing = (...parts) => svg("svg", { class: "drawing", role: "img", preserveAspectRatio: "none", focusable: "false" }, ...parts);

/** marked draws a line where something was changed. @param {Element} path @param {Minute} m */
export const marked = (path, m) => mark(path, "d", m.marks.map((at) => `M${at} 0V${high}`).join(""));

/** nothing hatches the slots in which nothing is known, so that they do not look like 0. @param {Minute} m @param {(i: number) => boolean} unknown of sample i */
export function nothing(m, unknown) {
  let d = "";
  for (let slot = 0; slot < m.slots; slot++) {
    const i = slot - m.slots + m.samples.length;
    if (i < 0 || unknown(i)) d += `M${slot} ${high}L${slot + 1} 0`;
  }
  return d;
}

/** ends are the times below a chart: those of its beginning and, if there is room, of its middle, and "now". @param {boolean} [halfway] */
export function ends(halfway = false) {
  const [start, middle, end] = [h("span"), h("span"), h("span")];
  return {
    element: h("div", { class: "x", "aria-hidden": "true" }, start, halfway ? middle : null, end),
    /** @param {Minute} m @param {number} seconds */
    draw(m, seconds) {
      say(start, m.time ? clock(m.time - seconds * 1000) : "");
      say(middle, m.time ? clock(m.time - seconds * 500) : "");
      say(end, m.live ? "now" : m.time ? clock(m.time) : "");
    },
  };
}

/**
 * runsOf are the stretches of a row in which its values are known, as pairs of first and last index.
 * @param {(number|undefined)[]} row
 */
function runsOf(row) {
  /** @type {[number, number][]} */
  const runs = [];
  row.forEach((v, i) => {
    if (v === undefined) return;
    const last = runs.at(-1);
    if (last?.[1] === i - 1) last[1] = i;
    else runs.push([i, i]);
  });
  return runs;
}

/** y of a value. @param {number|undefined} v @param {number} top */
const y = (v, top) => (high - (Math.min(v ?? 0, top) / top) * high).toFixed(1);

/** How each kind of series is drawn. @type {Record<string, (m: Minute, row: (number|undefined)[], top: number) => string>} */
const paths = {
  line(m, row, top) {
    return runsOf(row).map(([first, last]) => {
      let d = `M${x(m, first)} ${y(row[first], top)}`;
      for (let i = first + 1; i <= last; i++) d += `L${x(m, i)} ${y(row[i], top)}`;
      return first === last ? d + "h0.01" : d; // a dot
    }).join("");
  },
  area(m, row, top) {
    return runsOf(row).map(([first, last]) => {
      let d = `M${x(m, first) - 0.5} ${high}V${y(row[first], top)}`;
      for (let i = first; i <= last; i++) d += `L${x(m, i)} ${y(row[i], top)}`;
      return d + `H${x(m, last) + 0.5}V${high}Z`;
    }).join("");
  },
  ticks(m, row) {
    return row.map((v, i) => (v ? `M${x(m, i) - 0.35} 0h0.7v22h-0.7z` : "")).join("");
  },
};

/** Chart draws some series over one scale. */
export class Chart {
  /** @param {Spec} spec */
  constructor(spec) {
    this.spec = spec;
    this.paths = spec.series.map((s) => svg("path", { class: `${s.kind} ${s.style}`, "vector-effect": "non-scaling-stroke" }));
    this.changes = svg("path", { class: "changed", "vector-effect": "non-scaling-stroke" });
    this.grid = svg("path", { class: "grid", "vector-effect": "non-scaling-stroke" });
    this.none = svg("path", { class: "nodata", "vector-effect": "non-scaling-stroke" });
    this.svg = drawing(this.grid, this.none, ...this.paths, this.changes);
    this.upper = h("span", { class: "upper" });
    this.middle = h("span", { class: "middle" });
    this.ends = spec.axes ? ends(spec.axes === "full") : null;
    this.element = spec.axes === "full"
      ? h("div", { class: "chart axes" },
          h("div", { class: "y", "aria-hidden": "true" }, this.upper, this.middle, h("span", { class: "lower" }, "0")), this.svg, this.ends?.element)
      : h("div", { class: this.ends ? "chart labelled" : "chart" },
          h("div", { class: "picture" }, this.svg, h("span", { class: "scale", "aria-hidden": "true" }, this.upper)), this.ends?.element);
  }

  /** @param {Minute} m @param {number} seconds that the chart spans */
  draw(m, seconds) {
    const values = this.spec.series.map((s) => m.samples.map((sample) => (sample ? s.of(sample) : undefined)));
    const top = this.spec.top?.(m.samples) || nice(Math.max(...values.flatMap((row) => row.filter((v) => v !== undefined))));
    mark(this.svg, "viewBox", `0 0 ${m.slots} ${high}`);
    this.paths.forEach((path, i) => mark(path, "d", paths[this.spec.series[i].kind](m, values[i], top)));
    marked(this.changes, m);
    mark(this.grid, "d", this.spec.axes === "full" ? `M0 0H${m.slots}M0 ${high / 2}H${m.slots}` : `M0 0H${m.slots}`);
    say(this.upper, this.spec.format(top));
    say(this.middle, this.spec.format(top / 2));
    mark(this.none, "d", nothing(m, (i) => values.every((row) => row[i] === undefined)));
    this.ends?.draw(m, seconds);
    mark(this.svg, "aria-label", this.words(values, seconds));
  }

  /** words is the chart for those who do not see it. @param {(number|undefined)[][]} values @param {number} seconds */
  words(values, seconds) {
    const parts = this.spec.series.map((s, i) => {
      const known = /** @type {number[]} */ (values[i].filter((v) => v !== undefined));
      if (!known.length) return `${s.name}: no data`;
      const now = values[i].at(-1);
      const f = this.spec.format;
      return `${s.name} now ${now === undefined ? "no data" : f(now)}, between ${f(Math.min(...known))} and ${f(Math.max(...known))}`;
    });
    return `${this.spec.title} over the last ${Math.round(seconds)} seconds: ${parts.join("; ")}.`;
  }
}
