// @ts-check
// Why breakers are not closed, and how calls of late went wrong, in words.
import { count, countdown, moment, number, reason, since } from "./format.js";

/**
 * @typedef {import("./state.js").Breaker} Breaker
 * @typedef {import("./state.js").Outage} Outage
 * @typedef {import("./state.js").Latest} Latest
 */

/**
 * numbered are breakers, each with which of its name it is, from 0, and with a label that no other has: those that
 * were given no name all have that of their pipeline.
 * @param {Breaker[]} all
 */
export const numbered = (all) => all.map((b, i) => {
  const nth = all.slice(0, i).filter((other) => other.name === b.name).length;
  return { b, nth, label: nth ? `${b.name} (${nth + 1})` : b.name };
});

/** outageOf is what is known of a breaker that is not closed. @param {Latest} latest @param {string} name @param {number} nth @returns {Outage|undefined} */
const outageOf = (latest, name, nth) => latest.breakers?.find((o) => o.name === name && (o.nth ?? 0) === nth);

/** When and why, in one order. @param {(string|undefined)[]} parts */
const joined = (...parts) => parts.filter(Boolean).join("; ");

/** How long it is out. @param {Outage|undefined} o @param {number} now */
const began = (o, now) => (o?.since_unix_ms ? since(o.since_unix_ms, now) : "");

/** whose order isolates a breaker. @param {Outage|undefined} o */
function whose(o) {
  if (o?.why) return o.why; // "by ada for the fleet: …"
  if (o?.by) return `by ${o.by}, by hand`;
  return "";
}

/**
 * reasons says why a breaker is not closed, in the order in which it matters to whoever is woken by it: "" of a closed one.
 * @param {Breaker} b @param {number} nth of its name @param {Latest} latest @param {number} now in milliseconds
 */
export function reasons(b, nth, latest, now) {
  const o = outageOf(latest, b.name, nth);
  if (b.state === "isolated") {
    const until = o?.why ? "until that order is over, or somebody resets it" : o ? "until somebody resets it" : "until somebody resets it or the order for the fleet is over";
    return joined([began(o, now), whose(o)].filter(Boolean).join(", "), `all calls kept out, ${until}`);
  }
  const why = o?.why ? `it opened after ${o.why}` : "";
  if (b.state === "open") return joined(began(o, now), why, next(b));
  if (b.state === "half-open") return joined(began(o, now), probes(b, o), why);
  return "";
}

/** When an open breaker probes. @param {Breaker} b */
const next = (b) => (b.retry_in_seconds ? `next probe in ${countdown(b.retry_in_seconds)}` : "next call probes");

/** How the probes of a half-open breaker stand. @param {Breaker} b @param {Outage|undefined} o */
function probes(b, o) {
  if (!o?.probes) return "a few calls test whether it is back";
  const need = o.need_successes ? `, ${o.need_successes} have to succeed` : "";
  const failed = b.failures ? `, ${number(b.failures)} failed` : "";
  return `${number(b.requests)} of ${count(o.probes, "probe")} came back${failed}${need}`;
}

/** recently is how the calls of the last minute went wrong, as the pipeline remembers. @param {Latest} latest @param {number} now */
export function recently(latest, now) {
  const r = latest.recent;
  if (!r) return "No call failed or was refused in the last minute.";
  const bad = r.failed + r.refused;
  const kinds = [r.failed ? `${number(r.failed)} failed` : "", r.refused ? `${number(r.refused)} were refused` : ""].filter(Boolean).join(", ");
  const by = Object.entries(r.reasons).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name, n]) => `${reason(name)} ${number(n)}`).join(", ");
  const unclassified = r.unclassified?.length ? ` Nobody has classified ${r.unclassified.join(", ")}.` : "";
  return `In the last ${number(r.window_seconds)} s, ${number(bad)} of ${number(r.calls)} ${r.calls === 1 ? "call" : "calls"} went wrong: ${kinds}. Why: ${by}. The last one at ${moment(r.last_unix_ms, now)}.${unclassified}`;
}

/** foremost is the error that calls end with most often now, "" if none is known. @param {Latest} latest */
export function foremost(latest) {
  const k = latest.errors?.kinds.find((one) => one.reason && one.rate > 0);
  return k ? `“${k.message}”` : latest.recent?.unclassified?.[0] ?? "";
}
