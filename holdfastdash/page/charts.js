// @ts-check
// Charts of the last minute, as SVG that is stretched to its box. Text stands beside it, as HTML.
import { h, mark, say, svg } from "./dom.js";
import { unknown } from "./format.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {{name: string, of: (s: Sample) => number|undefined, kind: "area"|"line"|"ticks", style: string}} Series  style is its class in app.css.
 *   An area and a line are drawn to scale; ticks hang from above, one for each sample that is not zero
 * @typedef {{title: string, series: Series[], format: (n: number) => string, top?: (samples: (Sample|null)[]) => number, axes?: boolean}} Spec
 *   top is where the scale ends, if that is known; else it ends above the largest value
 * @typedef {{samples: (Sample|null)[], slots: number, marks: number[]}} Minute
 *   what is drawn: the samples, how many there is room for, and where (in slots, from the left) something was changed
 */

const high = 100; // of the drawing, in its own units; it is as wide as there are slots

/** x of sample i: the newest is at the right end. @param {Minute} m @param {number} i */
const x = (m, i) => m.slots - m.samples.length + i + 0.5;

/** nice rounds a scale's end up to 1, 2, 2.5 or 5 of its decade. @param {number} top */
function nice(top) {
  if (!(top > 0) || !Number.isFinite(top)) return 1;
  const decade = 10 ** Math.floor(Math.log10(top));
  for (const step of [1, 2, 2.5, 5, 10]) if (top <= step * decade * 1.0001) return step * decade;
  return top;
}

/** drawing is an empty picture. @param {...Node} parts */
const drawing = (...parts) => svg("svg", { class: "drawing", role: "img", preserveAspectRatio: "none", focusable: "false" }, ...parts);

/** marked draws a line where something was changed. @param {Element} path @param {Minute} m */
const marked = (path, m) => mark(path, "d", m.marks.map((at) => `M${at} 0V${high}`).join(""));

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
    this.svg = drawing(this.grid, ...this.paths, this.changes);
    this.upper = h("span", { class: "upper" });
    this.middle = h("span", { class: "middle" });
    this.start = h("span");
    this.halfway = h("span");
    this.element = spec.axes
      ? h("div", { class: "chart axes" },
          h("div", { class: "y", "aria-hidden": "true" }, this.upper, this.middle, h("span", { class: "lower" }, "0")), this.svg,
          h("div", { class: "x", "aria-hidden": "true" }, this.start, this.halfway, h("span", {}, "now")))
      : h("div", { class: "chart" }, this.svg, h("span", { class: "scale", "aria-hidden": "true" }, this.upper));
  }

  /** @param {Minute} m @param {number} seconds that the chart spans */
  draw(m, seconds) {
    const values = this.spec.series.map((s) => m.samples.map((sample) => (sample ? s.of(sample) : undefined)));
    const top = this.spec.top?.(m.samples) || nice(Math.max(...values.flatMap((row) => row.filter((v) => v !== undefined))));
    mark(this.svg, "viewBox", `0 0 ${m.slots} ${high}`);
    this.paths.forEach((path, i) => mark(path, "d", paths[this.spec.series[i].kind](m, values[i], top)));
    marked(this.changes, m);
    mark(this.grid, "d", this.spec.axes ? `M0 0H${m.slots}M0 ${high / 2}H${m.slots}` : `M0 0H${m.slots}`);
    say(this.upper, this.spec.format(top));
    say(this.middle, this.spec.format(top / 2));
    say(this.start, `${Math.round(seconds)} s ago`);
    say(this.halfway, `${Math.round(seconds / 2)} s`);
    mark(this.svg, "aria-label", this.words(values, seconds));
  }

  /** words is the chart for those who do not see it. @param {(number|undefined)[][]} values @param {number} seconds */
  words(values, seconds) {
    const parts = this.spec.series.map((s, i) => {
      const known = /** @type {number[]} */ (values[i].filter((v) => v !== undefined));
      if (!known.length) return `${s.name} not known`;
      const now = values[i].at(-1);
      const f = this.spec.format;
      return `${s.name} now ${now === undefined ? unknown : f(now)}, between ${f(Math.min(...known))} and ${f(Math.max(...known))}`;
    });
    return `${this.spec.title} over the last ${Math.round(seconds)} seconds: ${parts.join("; ")}.`;
  }
}

/** How tall a state of a breaker stands in its strip, and the letter on it. */
const states = /** @type {Record<string, {height: number, letter: string}>} */ ({
  closed: { height: 12, letter: "" },
  "half-open": { height: 50, letter: "½" },
  open: { height: 100, letter: "O" },
  isolated: { height: 100, letter: "I" },
});

/** Strip is a breaker's last minute: its state by height and pattern and, where there is room, by a letter. */
export class Strip {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.paths = Object.keys(states).map((state) => svg("path", { class: `state ${state}` }));
    this.stripes = svg("path", { class: "stripes", "vector-effect": "non-scaling-stroke" });
    this.changes = svg("path", { class: "changed", "vector-effect": "non-scaling-stroke" });
    this.svg = drawing(...this.paths, this.stripes, this.changes);
    this.letters = h("div", { class: "letters", "aria-hidden": "true" });
    this.element = h("div", { class: "chart strip" }, this.svg, this.letters);
  }

  /** @param {Minute} m @param {(s: Sample) => string|undefined} of the state at a sample @param {number} seconds */
  draw(m, of, seconds) {
    const runs = this.runs(m, of);
    mark(this.svg, "viewBox", `0 0 ${m.slots} ${high}`);
    Object.entries(states).forEach(([state, { height }], i) => {
      const d = runs.filter((r) => r.state === state).map((r) => `M${r.from} ${high}V${high - height}H${r.to}V${high}Z`).join("");
      mark(this.paths[i], "d", d);
    });
    let d = "";
    for (const r of runs) {
      if (r.state === "isolated") for (let at = r.from; at < r.to; at++) d += `M${at} ${high}L${at + 1} 0M${at} 0L${at + 1} ${high}`;
      if (r.state === "half-open") for (let at = r.from; at < r.to; at++) d += `M${at} ${high}L${at + 1} ${high / 2}`;
    }
    mark(this.stripes, "d", d);
    marked(this.changes, m);
    this.lettered(m, runs);
    mark(this.svg, "aria-label", this.words(runs, m, seconds));
  }

  /** @param {Minute} m @param {(s: Sample) => string|undefined} of */
  runs(m, of) {
    /** @type {{state: string, from: number, to: number}[]} */
    const runs = [];
    m.samples.forEach((sample, i) => {
      const state = sample ? of(sample) : undefined;
      if (!state) return;
      const at = x(m, i) - 0.5;
      const last = runs.at(-1);
      if (last?.state === state && last.to === at) last.to++;
      else runs.push({ state, from: at, to: at + 1 });
    });
    return runs;
  }

  /** @param {Minute} m @param {{state: string, from: number, to: number}[]} runs */
  lettered(m, runs) {
    const wide = runs.filter((r) => states[r.state]?.letter && r.to - r.from >= m.slots / 20);
    while (this.letters.childElementCount > wide.length) this.letters.lastElementChild.remove();
    while (this.letters.childElementCount < wide.length) this.letters.append(h("span"));
    wide.forEach((r, i) => {
      const letter = this.letters.children[i];
      say(letter, states[r.state].letter);
      letter.className = r.state;
      letter.style.left = `${(((r.from + r.to) / 2 / m.slots) * 100).toFixed(2)}%`;
    });
  }

  /** @param {{state: string, from: number, to: number}[]} runs @param {Minute} m @param {number} seconds */
  words(runs, m, seconds) {
    if (!runs.length) return `Breaker ${this.name}: its state is not known.`;
    const spent = Object.keys(states).map((state) => {
      const n = runs.reduce((sum, r) => (r.state === state ? sum + r.to - r.from : sum), 0);
      return n ? `${state} ${Math.round((n / m.slots) * seconds)} s` : "";
    });
    return `Breaker ${this.name} now ${runs.at(-1)?.state}; in the last ${Math.round(seconds)} seconds ${spent.filter(Boolean).join(", ")}.`;
  }
}
