// @ts-check
// A breaker's last minute: its state by height and pattern and, where there is room, by a letter.
import { drawing, ends, high, marked, nothing, x } from "./charts.js";
import { h, mark, say, svg } from "./dom.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {import("./charts.js").Minute} Minute
 */

/** How tall a state of a breaker stands in its strip, and the letter on it. */
const states = /** @type {Record<string, {height: number, letter: string}>} */ ({
  closed: { height: 12, letter: "" },
  "half-open": { height: 50, letter: "½" },
  open: { height: 100, letter: "O" },
  isolated: { height: 100, letter: "I" },
});

/** legend says what the states look like. */
export const legend = () => h("p", { class: "keys legend" }, ...Object.entries(states).map(([state, { letter }]) =>
  h("span", {}, h("span", { class: `swatch ${state}`, "aria-hidden": "true" }, letter), state)),
  h("span", {}, h("span", { class: "swatch nodata", "aria-hidden": "true" }), "no data"));

export class Strip {
  /** @param {string} name @param {boolean} [labelled] with the time below */
  constructor(name, labelled = false) {
    this.name = name;
    this.none = svg("path", { class: "nodata", "vector-effect": "non-scaling-stroke" });
    this.paths = Object.keys(states).map((state) => svg("path", { class: `state ${state}` }));
    this.stripes = svg("path", { class: "stripes", "vector-effect": "non-scaling-stroke" });
    this.changes = svg("path", { class: "changed", "vector-effect": "non-scaling-stroke" });
    this.svg = drawing(this.none, ...this.paths, this.stripes, this.changes);
    this.letters = h("div", { class: "letters", "aria-hidden": "true" });
    this.ends = labelled ? ends() : null;
    this.element = h("div", { class: labelled ? "chart strip labelled" : "chart strip" },
      h("div", { class: "picture" }, this.svg, this.letters), this.ends?.element);
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
    mark(this.none, "d", nothing(m, (i) => !m.samples[i] || !of(/** @type {Sample} */ (m.samples[i]))));
    marked(this.changes, m);
    this.lettered(m, runs);
    this.ends?.draw(m, seconds);
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
