// @ts-check
// What opens below a pipeline: the charts with their axes, why calls were denied, breakers, limits, and the knobs.
import { Strip } from "./charts.js";
import { h, mark, say } from "./dom.js";
import { count, countdown, number, rate, reason, unknown } from "./format.js";
import { bank, latency, traffic } from "./tiles.js";
import { Switches, Tuning } from "./tuning.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {import("./state.js").Breaker} Breaker
 * @typedef {import("./charts.js").Minute} Minute
 */

/** keys explains the lines of a chart. @param {...[string, string]} of label and style */
const keys = (...of) => h("p", { class: "keys" }, ...of.map(([label, style]) => h("span", {}, h("span", { class: `key ${style}` }), label)));

/** table @param {string} caption @param {string[]} heads @param {Element} body */
const table = (caption, heads, body) =>
  h("div", { class: "scroll" }, h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, ...heads.map((t) => h("th", { scope: "col" }, t)))), body));

/** Details are made when they are opened. */
export class Details {
  /** @param {string} id @param {string} pipeline @param {import("./session.js").Session} session */
  constructor(id, pipeline, session) {
    this.traffic = traffic(true);
    this.latency = latency(true);
    this.bank = bank(true);
    this.tuning = new Tuning(pipeline, session);
    this.denials = h("tbody");
    this.noDenials = h("p", { class: "muted" }, "No call or retry was denied in the last minute.");
    this.kinds = h("tbody");
    this.kindTable = table("Errors that nobody classified", ["kind", "now", "in all"], this.kinds);
    this.moreKinds = h("p", { class: "muted" });
    this.breakers = h("tbody");
    this.limits = h("tbody");
    /** @type {Map<string, {row: any, cells: any[], strip: Strip, switches: Switches}>} */
    this.rows = new Map();
    this.denialTable = table("Denied, by reason", ["reason", "now", "last minute"], this.denials);
    this.breakerTable = table("Breakers", ["name", "state", "next probe", "by hand", "failed", "last minute"], this.breakers);
    this.limitTable = table("Limits", ["stage", "in use", "waiting"], this.limits);
    this.bankBox = h("section", {}, h("h3", {}, "Retry budget"), keys(["tokens", "tokens"], ["refused/s", "refused"]), this.bank.element);
    this.element = h("div", { class: "details", id, role: "region", "aria-label": `Details of ${pipeline}` },
      h("div", { class: "large" },
        h("section", {}, h("h3", {}, "Traffic, per second"), keys(["calls", "calls"], ["attempts", "attempts"], ["good", "good"]), this.traffic.element),
        h("section", {}, h("h3", {}, "Latency"), keys(["p50", "p50"], ["p99", "p99"]), this.latency.element),
        this.bankBox),
      h("div", { class: "facts" }, h("section", {}, this.denialTable, this.noDenials, this.kindTable, this.moreKinds), h("section", {}, this.breakerTable, this.limitTable)),
      this.tuning.element);
  }

  /** @param {Minute} m @param {number} seconds */
  draw(m, seconds) {
    const now = m.samples.at(-1) ?? null;
    this.traffic.draw(m, seconds);
    this.latency.draw(m, seconds);
    this.bankBox.hidden = !now?.budget;
    if (now?.budget) this.bank.draw(m, seconds);
    this.drawDenials(m, seconds);
    this.drawUnclassified(now?.unclassified);
    this.drawBreakers(m, seconds, now);
    this.drawLimits(now);
    this.tuning.show(now?.budget);
  }

  /** @param {Minute} m @param {number} seconds */
  drawDenials(m, seconds) {
    /** @type {Record<string, number>} */
    const sums = {};
    for (const s of m.samples) for (const [name, n] of Object.entries(s?.denied ?? {})) sums[name] = (sums[name] ?? 0) + n;
    const names = Object.keys(sums).sort((a, b) => sums[b] - sums[a] || (a < b ? -1 : 1));
    this.denialTable.hidden = names.length === 0;
    this.noDenials.hidden = names.length > 0;
    fit(this.denials, names.length, 3);
    const now = m.samples.at(-1)?.denied ?? {};
    names.forEach((name, i) => {
      const [head, perSecond, minute] = this.denials.rows[i].cells;
      say(head, reason(name));
      say(perSecond, rate(now[name] ?? 0));
      say(minute, number(Math.round((sums[name] * seconds) / m.slots)));
    });
  }

  /** @param {import("./state.js").Unclassified|undefined} of */
  drawUnclassified(of) {
    const all = of?.kinds ?? [];
    this.kindTable.hidden = this.moreKinds.hidden = all.length === 0;
    fit(this.kinds, all.length, 3);
    all.forEach((k, i) => {
      const [head, perSecond, inAll] = this.kinds.rows[i].cells;
      say(head, k.what);
      say(perSecond, rate(k.rate));
      say(inAll, number(k.count));
    });
    const more = of?.more ? `${count(of.more, "further kind")} not shown. ` : "";
    say(this.moreKinds, `${more}They are not retried, and count as failures of the dependency. The program says what they mean with holdfast.Classify.`);
  }

  /** @param {Minute} m @param {number} seconds @param {Sample|null} now */
  drawBreakers(m, seconds, now) {
    const all = now?.breakers ?? [];
    this.breakerTable.hidden = all.length === 0;
    for (const [name, r] of this.rows) {
      if (all.some((b) => b.name === name)) continue;
      r.row.remove();
      this.rows.delete(name);
    }
    for (const b of all) {
      const r = this.rows.get(b.name) ?? this.addBreaker(b);
      say(r.cells[0], b.state);
      mark(r.cells[0], "data-state", b.state);
      say(r.cells[1], b.state === "open" ? countdown(b.retry_in_seconds ?? 0) : unknown);
      const unclassified = b.unclassified ? `, ${number(b.unclassified)} unclassified` : "";
      const slow = b.slow ? `, ${number(b.slow)} slow` : "";
      say(r.cells[2], b.requests ? `${number(b.failures)} of ${number(b.requests)}${unclassified}${slow}` : unknown);
      r.strip.draw(m, (s) => s.breakers?.find((other) => other.name === b.name)?.state, seconds);
      r.switches.show(b);
    }
  }

  /** @param {Breaker} b */
  addBreaker(b) {
    const strip = new Strip(b.name);
    const switches = new Switches(b.name, this.tuning);
    const cells = [h("td", { class: "state" }), h("td"), h("td")];
    const row = h("tr", {}, h("th", { scope: "row" }, b.name), cells[0], cells[1], h("td", {}, switches.element), cells[2], h("td", { class: "wide" }, strip.element));
    this.breakers.append(row);
    const made = { row, cells, strip, switches };
    this.rows.set(b.name, made);
    return made;
  }

  /** @param {Sample|null} now */
  drawLimits(now) {
    const all = now?.limits ?? [];
    this.limitTable.hidden = all.length === 0;
    fit(this.limits, all.length, 3);
    all.forEach((l, i) => {
      const [stage, inUse, waiting] = this.limits.rows[i].cells;
      say(stage, l.stage);
      const limit = l.adaptive ? " (adaptive limit)" : "";
      say(inUse, l.max ? `${number(l.used)} of ${number(l.max)} ${l.of}${limit}` : `${number(l.used)}, no limit at the moment`);
      say(waiting, l.queue ? `${number(l.waiting)} of ${number(l.queue)}` : l.waiting ? count(l.waiting, "call") : "none");
    });
  }
}

/** fit gives a table so many rows, whose first cell is their head. @param {any} body @param {number} rows @param {number} cells */
function fit(body, rows, cells) {
  while (body.rows.length > rows) body.deleteRow(-1);
  while (body.rows.length < rows) body.append(h("tr", {}, h("th", { scope: "row" }), ...Array.from({ length: cells - 1 }, () => h("td"))));
}
