// @ts-check
// What opens below a pipeline: the charts with their axes, what went wrong, breakers, limits, and the knobs.
import { Breakers } from "./breakers.js";
import { h, say } from "./dom.js";
import { Errors } from "./errors.js";
import { count, number } from "./format.js";
import { Table } from "./tables.js";
import { bank, latency, traffic } from "./tiles.js";
import { Tuning } from "./tuning.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {import("./state.js").Latest} Latest
 * @typedef {import("./charts.js").Minute} Minute
 */

/** keys explains the lines of a chart. @param {...[string, string]} of label and style */
const keys = (...of) => h("p", { class: "keys" }, ...[...of, ["no data", "nodata"]].map(([label, style]) => h("span", {}, h("span", { class: `key ${style}` }), label)));

/** Details are made when they are opened. */
export class Details {
  /** @param {string} id @param {string} pipeline @param {import("./session.js").Session} session */
  constructor(id, pipeline, session) {
    this.traffic = traffic("full");
    this.latency = latency("full");
    this.bank = bank("full");
    this.tuning = new Tuning(pipeline, session);
    this.errors = new Errors();
    this.breakers = new Breakers(this.tuning);
    this.limits = new Table("Limits", ["stage", "in use", "waiting"]);
    this.bankBox = h("section", {}, h("h3", {}, "Retry budget"), keys(["tokens", "tokens"], ["refused/s", "refused"]), this.bank.element);
    this.element = h("div", { class: "details", id, role: "region", "aria-label": `Details of ${pipeline}` },
      this.errors.element,
      h("div", { class: "large" },
        h("section", {}, h("h3", {}, "Traffic, per second"), keys(["calls", "calls"], ["attempts", "attempts"], ["good", "good"]), this.traffic.element),
        h("section", {}, h("h3", {}, "Latency of calls that reached the dependency"), keys(["p50", "p50"], ["p99", "p99"]), this.latency.element),
        this.bankBox),
      h("div", { class: "facts" }, this.errors.counts, h("section", {}, this.breakers.element, this.limits.element)),
      this.tuning.element);
  }

  /** close is told when they are closed. */
  close() {
    this.tuning.close();
  }

  /** @param {Minute} m @param {number} seconds @param {Latest} latest */
  draw(m, seconds, latest) {
    const now = m.samples.at(-1) ?? null;
    this.traffic.draw(m, seconds);
    this.latency.draw(m, seconds);
    this.bankBox.hidden = !now?.budget;
    if (now?.budget) this.bank.draw(m, seconds);
    this.errors.draw(m, seconds, latest);
    this.breakers.draw(m, seconds, latest);
    this.drawLimits(now);
    this.tuning.show(Boolean(now?.keys));
  }

  /** @param {Sample|null} now */
  drawLimits(now) {
    const all = now?.limits ?? [];
    const rows = this.limits.fit(all.length);
    all.forEach((l, i) => {
      const [stage, inUse, waiting] = rows[i];
      say(stage, l.stage);
      const limit = l.adaptive ? " (adaptive limit)" : "";
      say(inUse, l.max ? `${number(l.used)} of ${number(l.max)} ${l.of}${limit}` : `${number(l.used)}, no limit at the moment`);
      say(waiting, l.queue ? `${number(l.waiting)} of ${number(l.queue)}` : l.waiting ? count(l.waiting, "call") : "none");
    });
  }
}
