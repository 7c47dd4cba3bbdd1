// @ts-check
// The table of a pipeline's breakers: how each stands and why, and its buttons.
import { h, mark, say } from "./dom.js";
import { countdown, last, number, unknown } from "./format.js";
import { numbered, reasons } from "./outages.js";
import { legend, Strip } from "./strip.js";
import { long, Table } from "./tables.js";
import { Switches } from "./tuning.js";

/**
 * @typedef {import("./state.js").Breaker} Breaker
 * @typedef {import("./state.js").Latest} Latest
 * @typedef {import("./charts.js").Minute} Minute
 */

export class Breakers {
  /** By label. @type {Map<string, {row: any, cells: any[], strip: Strip, switches: Switches, why: any}>} */
  rows = new Map();

  /** @param {import("./tuning.js").Tuning} tuning */
  constructor(tuning) {
    this.tuning = tuning;
    this.table = new Table("Breakers", ["name", "state", "next probe", "failed", "by hand", "last minute"], "breakers");
    this.whys = h("ul", { class: "whys", "aria-label": "Why breakers are not closed" });
    this.legend = legend();
    this.element = h("div", {}, this.table.element, this.legend, this.whys);
  }

  /** @param {Minute} m @param {number} seconds @param {Latest} latest */
  draw(m, seconds, latest) {
    const all = m.samples.at(-1)?.breakers ?? [];
    this.element.hidden = all.length === 0;
    this.table.rename(5, last(seconds));
    const there = numbered(all);
    for (const [label, r] of this.rows) {
      if (there.some((one) => one.label === label)) continue;
      r.row.remove();
      r.why.remove();
      this.rows.delete(label);
    }
    for (const { b, nth, label } of there) {
      const r = this.rows.get(label) ?? this.add(b, label);
      const [, state, next, failed] = r.cells;
      say(state, b.state);
      mark(state, "data-state", b.state);
      say(next, b.state === "open" ? countdown(b.retry_in_seconds ?? 0) : unknown);
      const unclassified = b.unclassified ? `, ${number(b.unclassified)} unclassified` : "";
      const slow = b.slow ? `, ${number(b.slow)} slow` : "";
      say(failed, b.requests ? `${number(b.failures)} of ${number(b.requests)}${unclassified}${slow}` : unknown);
      r.strip.draw(m, (s) => s.breakers?.filter((other) => other.name === b.name)[nth]?.state, seconds);
      r.switches.show(b);
      const why = reasons(b, nth, latest, m.time);
      r.why.hidden = !why;
      say(r.why.children[0], `${label} ${b.state}:`);
      say(r.why.children[1], why);
    }
    mark(this.table.element, "data-readonly", this.tuning.session.canTune ? null : "");
  }

  /** @param {Breaker} b @param {string} label */
  add(b, label) {
    const strip = new Strip(label, true);
    const switches = new Switches(b.name, this.tuning);
    const { row, cells } = this.table.add(h("span", { class: "long" }), "", "", "", switches.element, strip.element);
    long(cells[0].firstElementChild, label);
    cells[1].classList.add("state");
    cells[4].classList.add("by-hand");
    cells[5].classList.add("wide");
    const why = h("li", {}, h("strong"), " ", h("span"));
    this.whys.append(why);
    const made = { row, cells, strip, switches, why };
    this.rows.set(label, made);
    return made;
  }
}
