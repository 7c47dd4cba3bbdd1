// @ts-check
// The instruments of a pipeline: traffic, latency, budget, breaker.
import { Chart } from "./charts.js";
import { h, mark, say } from "./dom.js";
import { refusedNow } from "./errors.js";
import { countdown, duration, exact, number, percent, rate, reason, times, unknown } from "./format.js";
import { legend, Strip } from "./strip.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {import("./state.js").Breaker} Breaker
 * @typedef {import("./state.js").Latest} Latest
 * @typedef {import("./charts.js").Minute} Minute
 */

/** The series, as every chart of them draws them: solid, dashed or filled, so that colour is not needed to tell them apart. */
const calls = /** @type {const} */ ({ name: "calls", of: (/** @type {Sample} */ s) => s.calls, kind: "line", style: "calls" });
const attempts = /** @type {const} */ ({ name: "attempts", of: (/** @type {Sample} */ s) => s.attempts, kind: "line", style: "attempts" });
const good = /** @type {const} */ ({ name: "good", of: (/** @type {Sample} */ s) => s.good, kind: "area", style: "good" });
const p50 = /** @type {const} */ ({ name: "median", of: (/** @type {Sample} */ s) => s.p50_seconds, kind: "line", style: "p50" });
const p99 = /** @type {const} */ ({ name: "99th percentile", of: (/** @type {Sample} */ s) => s.p99_seconds, kind: "line", style: "p99" });
const tokens = /** @type {const} */ ({ name: "tokens", of: (/** @type {Sample} */ s) => s.budget?.tokens, kind: "area", style: "tokens" });
const refused = /** @type {const} */ ({ name: "retries refused per second", of: (/** @type {Sample} */ s) => (s.budget ? s.budget.refused + s.budget.shadow_refused : undefined), kind: "ticks", style: "refused" });

/** traffic is a chart of calls, attempts and good calls. @param {"full"|"time"} axes */
export const traffic = (axes) => new Chart({ title: "Per second", series: [good, calls, attempts], format: number, axes });

/** latency is a chart of the durations of calls that reached the dependency. @param {"full"|"time"} axes */
export const latency = (axes) => new Chart({ title: "Duration of calls that reached the dependency", series: [p50, p99], format: duration, axes });

/** spark is the smallest chart: a row's calls and how many of them were good. */
const spark = () => new Chart({ title: "Per second", series: [good, calls], format: number });

/** bank is a chart of the budget's tokens and of what it refuses. @param {"full"|"time"} axes */
export const bank = (axes) =>
  new Chart({ title: "Budget", series: [tokens, refused], format: number, axes, top: (samples) => Math.max(...samples.map((s) => s?.budget?.burst ?? 0)) });

/** worstBreaker is the one to show where there is room for one. @param {Sample|null} s @returns {Breaker|undefined} */
function worstBreaker(s) {
  const order = ["open", "isolated", "half-open", "closed"];
  return s?.breakers?.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state))[0];
}

/** Figure is a number with a label and, if it is drawn in a chart, its line there. */
export class Figure {
  /** @param {string} label @param {string} [style] its series' class @param {string} [title] what the label means */
  constructor(label, style, title) {
    this.value = h("dd");
    this.element = h("div", { class: "figure" },
      h("dt", { title }, style ? h("span", { class: `key ${style}` }) : null, label), this.value);
  }

  /** @param {string} value @param {string} [more] smaller, after it */
  set(value, more = "") {
    if (!this.number) {
      this.number = h("span", { class: "number" });
      this.more = h("span", { class: "with" });
      this.value.append(this.number, " ", this.more);
    }
    say(this.number, value);
    say(this.more, more);
  }
}

/** tile is a box with a title, figures and a chart. @param {string} kind @param {string} title @param {Figure[]} figures @param {...Node} parts */
function tile(kind, title, figures, ...parts) {
  const heading = h("h3", {}, title);
  return h("section", { class: `tile ${kind}` }, heading, h("dl", { class: "figures" }, ...figures.map((f) => f.element)), ...parts);
}

/** Tiles are the four of them. */
export class Tiles {
  constructor() {
    this.calls = new Figure("calls/s", "calls", "calls that ended");
    this.attempts = new Figure("attempts/s", "attempts", "what the dependency was asked");
    this.good = new Figure("good/s", "good", "calls that ended without an error");
    this.kept = new Figure("refused/s", undefined, "calls that this side refused, without an attempt");
    this.p50 = new Figure("p50", "p50", "half of the calls that reached the dependency took no longer");
    this.p99 = new Figure("p99", "p99", "99 of 100 calls that reached the dependency took no longer");
    this.tokens = new Figure("tokens", "tokens", "retries that the budget can pay for at once");
    this.refused = new Figure("refused", "refused", "retries the budget refused");
    this.state = new Figure("state");
    this.outcomes = new Figure("failed", undefined, "of the attempts in the breaker's window");
    this.traffic = traffic("time");
    this.latency = latency("time");
    this.bank = bank("time");
    this.strip = new Strip("", true);
    const noBudget = h("p", { class: "none" }, "This pipeline has no retry budget.");
    const noBreaker = h("p", { class: "none" }, "This pipeline has no breaker.");
    this.element = h("div", { class: "tiles" },
      tile("of-traffic", "Traffic", [this.calls, this.attempts, this.good, this.kept], this.traffic.element),
      tile("of-latency", "Latency", [this.p50, this.p99], this.latency.element),
      (this.budget = tile("of-budget", "Retry budget", [this.tokens, this.refused], this.bank.element, noBudget)),
      (this.breaker = tile("of-breaker", "Breaker", [this.state, this.outcomes], legend(), this.strip.element, noBreaker)));
  }

  /** @param {Minute} m @param {number} seconds @param {Latest} latest */
  draw(m, seconds, latest) {
    const now = m.samples.at(-1) ?? null;
    this.calls.set(number(now?.calls));
    this.attempts.set(number(now?.attempts), now?.amp === undefined ? "" : times(now.amp));
    this.good.set(number(now?.good), now?.calls ? percent(now.good / now.calls) : "");
    this.kept.set(number(refusedNow(now, latest)), Object.entries(now?.refused ?? {}).sort((a, b) => b[1] - a[1]).map(([name]) => reason(name))[0] ?? "");
    this.p50.set(duration(now?.p50_seconds));
    this.p99.set(duration(now?.p99_seconds));
    this.traffic.draw(m, seconds);
    this.latency.draw(m, seconds);
    this.drawBudget(m, seconds, now);
    this.drawBreaker(m, seconds, now);
  }

  /** @param {Minute} m @param {number} seconds @param {Sample|null} now */
  drawBudget(m, seconds, now) {
    const b = now?.budget;
    mark(this.budget, "data-none", b ? null : "");
    if (!b) return;
    this.tokens.set(number(b.tokens), `of ${exact(b.burst)}`);
    this.refused.set(rate(b.shadow ? b.shadow_refused : b.refused), b.shadow ? "in shadow" : "");
    this.bank.draw(m, seconds);
  }

  /** @param {Minute} m @param {number} seconds @param {Sample|null} now */
  drawBreaker(m, seconds, now) {
    const b = worstBreaker(now);
    mark(this.breaker, "data-none", b ? null : "");
    if (!b) return;
    const others = (now?.breakers?.length ?? 1) - 1;
    this.state.set(b.state, b.retry_in_seconds ? `probe in ${countdown(b.retry_in_seconds)}` : others ? `and ${others} more` : "");
    if (b.requests) this.outcomes.set(number(b.failures), `of ${number(b.requests)}`);
    else this.outcomes.set(unknown);
    this.strip.name = b.name;
    this.strip.draw(m, (s) => worstBreaker(s)?.state, seconds);
  }
}

/** Line is a pipeline in one line, for a list of many. */
export class Line {
  constructor() {
    this.calls = new Figure("calls/s");
    this.amp = new Figure("attempts/call");
    this.good = new Figure("good");
    this.p99 = new Figure("p99");
    this.tokens = new Figure("tokens");
    this.state = new Figure("breaker");
    this.spark = spark();
    this.element = h("div", { class: "brief" },
      h("dl", { class: "figures" }, ...[this.calls, this.amp, this.good, this.p99, this.tokens, this.state].map((f) => f.element)),
      this.spark.element);
  }

  /** @param {Minute} m @param {number} seconds */
  draw(m, seconds) {
    const now = m.samples.at(-1) ?? null;
    this.calls.set(number(now?.calls));
    this.amp.set(times(now?.amp));
    this.good.set(now?.calls ? percent(now.good / now.calls) : unknown);
    this.p99.set(duration(now?.p99_seconds));
    this.tokens.set(number(now?.budget?.tokens));
    this.state.set(worstBreaker(now)?.state ?? unknown);
    this.spark.draw(m, seconds);
  }
}
