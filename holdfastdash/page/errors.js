// @ts-check
// What went wrong of late: in a sentence, by kind of error, and by the reason for which calls and retries were denied.
import { h, say } from "./dom.js";
import { clock, count, last as span, meaning, moment, number, rate, reason } from "./format.js";
import { recently } from "./outages.js";
import { long, Table } from "./tables.js";

/**
 * @typedef {import("./state.js").Latest} Latest
 * @typedef {import("./charts.js").Minute} Minute
 */

/** refusedNow is how many calls a second are refused; undefined if nobody counted. @param {import("./state.js").Sample|null} now @param {Latest} latest */
export const refusedNow = (now, latest) =>
  now && latest.heard_unix_ms ? Object.values(now.refused ?? {}).reduce((sum, n) => sum + n, 0) : undefined;

/** Errors is the part of a pipeline's details that tells of them. */
export class Errors {
  constructor() {
    this.recent = h("p", { class: "recent" });
    this.kinds = new Table("Errors, by kind", ["error", "means", "then", "in all", "now", "last seen"], "errors-seen");
    this.heard = h("p", { class: "muted" });
    this.denials = new Table("Denied, by reason", ["reason", "now", "of these, calls", "last minute"]);
    this.noDenials = h("p", { class: "muted" });
    this.unclassified = new Table("Errors that nobody classified", ["kind", "now", "in all"]);
    this.moreUnclassified = h("p", { class: "muted" });
    this.element = h("section", { class: "wrong" }, h("h3", {}, "What went wrong"), this.recent, this.kinds.element, this.heard);
    this.counts = h("section", {}, this.denials.element, this.noDenials, this.unclassified.element, this.moreUnclassified);
  }

  /** @param {Minute} m @param {number} seconds @param {Latest} latest */
  draw(m, seconds, latest) {
    say(this.recent, recently(latest, m.time));
    this.drawKinds(latest, m);
    this.drawDenials(m, seconds, latest);
    this.drawUnclassified(m.samples.at(-1)?.unclassified);
  }

  /** @param {Latest} latest @param {Minute} m */
  drawKinds({ errors, heard_unix_ms: heard }, { time, live }) {
    const all = errors?.kinds ?? [];
    const rows = this.kinds.fit(all.length);
    all.forEach((k, i) => {
      const [what, means, then, inAll, now, last] = rows[i];
      if (what.childElementCount !== 2) what.replaceChildren(h("span", { class: "what" }), h("span", { class: "message" }));
      long(what.children[0], k.what);
      long(what.children[1], k.message);
      say(means, meaning(k.verdict));
      say(then, k.reason ? reason(k.reason) : "retried");
      say(inAll, number(k.count));
      say(now, rate(k.rate));
      say(last, live && k.last_unix_ms === time ? "now" : moment(k.last_unix_ms, time));
    });
    const more = errors?.more_errors ? ` ${count(errors.more_errors, "further error")} not shown.` : "";
    const none = all.length ? "" : "No error yet. ";
    say(this.heard, heard ? `${none}Errors are told apart while a page is open, here since ${clock(heard)}.${more}` : "Errors are told apart while a page is open.");
  }

  /** @param {Minute} m @param {number} seconds @param {Latest} latest */
  drawDenials(m, seconds, latest) {
    /** @type {Record<string, number>} */
    const sums = {};
    for (const s of m.samples) for (const [name, n] of Object.entries(s?.denied ?? {})) sums[name] = (sums[name] ?? 0) + n;
    const names = Object.keys(sums).sort((a, b) => sums[b] - sums[a] || (a < b ? -1 : 1));
    this.noDenials.hidden = names.length > 0;
    say(this.noDenials, `No call or retry was denied in the ${span(seconds)}.`);
    this.denials.rename(3, span(seconds));
    const rows = this.denials.fit(names.length);
    const now = m.samples.at(-1) ?? null;
    names.forEach((name, i) => {
      const [head, perSecond, calls, minute] = rows[i];
      say(head, reason(name));
      say(perSecond, rate(now?.denied?.[name] ?? 0));
      say(calls, rate(latest.heard_unix_ms ? now?.refused?.[name] ?? 0 : undefined));
      say(minute, number(Math.round((sums[name] * seconds) / m.slots)));
    });
  }

  /** @param {import("./state.js").Unclassified|undefined} of */
  drawUnclassified(of) {
    const all = of?.kinds ?? [];
    this.moreUnclassified.hidden = all.length === 0;
    const rows = this.unclassified.fit(all.length);
    all.forEach((k, i) => {
      const [head, perSecond, inAll] = rows[i];
      say(head, k.what);
      say(perSecond, rate(k.rate));
      say(inAll, number(k.count));
    });
    const more = of?.more ? `${count(of.more, "further kind")} not shown. ` : "";
    say(this.moreUnclassified, `${more}They are not retried, and count as failures of the dependency. The program says what they mean with holdfast.Classify.`);
  }
}
