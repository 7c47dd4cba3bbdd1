// @ts-check
// How a pipeline stands, in words, and how bad that is.
import { count, number, percent, times } from "./format.js";
import { foremost, numbered, reasons } from "./outages.js";

/**
 * @typedef {import("./state.js").Sample} Sample
 * @typedef {import("./state.js").Latest} Latest
 * @typedef {"trouble"|"watch"|"well"|"idle"} Level
 * @typedef {{level: Level, score: number, word: string, why: string}} Finding
 * @typedef {Finding & {also: Finding[]}} Verdict  the worst finding, and the others, worst first
 */

/** What is looked back on: a share of one second of little traffic says nothing. */
const recent = 3;

/** Above these a pipeline is in trouble, or to be watched. (A tenth of the keys is what HoldfastKeysBroken fires at.) */
const amplified = { trouble: 1.5, watch: 1.2 };
const failing = { trouble: 0.05, watch: 0.01 };
const broken = { trouble: 0.1 };

/** mean of the last samples. @param {Sample[]} samples @param {(s: Sample) => number|undefined} of */
function mean(samples, of) {
  let sum = 0;
  for (const s of samples) sum += of(s) ?? 0;
  return samples.length ? sum / samples.length : 0;
}

/**
 * judge says how a pipeline stands. The score is what "worst first" sorts by. Each kind of
 * trouble has a hundred of its own, in this order, and its extent decides within them:
 *
 *   900  a breaker is open           the dependency is not even asked; the longer until the next probe, the worse
 *   800  a breaker is isolated       so, too, but somebody meant it
 *   700  a breaker probes            a few calls find out whether it is over
 *   650  keys are in trouble         by the share of those whose breaker is not closed, from 10 %
 *   600  the budget refuses          by retries refused per call
 *   500  retries multiply the load   by attempts per call, from 1.5
 *   400  a limit refuses             by calls refused per call
 *   350  errors nobody classified    by their share of the attempts, from 5 %
 *   300  calls fail                  by their share, from 5 %
 *   200  the budget would refuse     were it not in shadow
 *   100  worth watching              keys in trouble, amplification from 1.2, failures from 1 %, any unclassified error
 *     2  it was removed            and calls are in flight
 *     1  no calls
 *     0  all well
 *
 * @param {(Sample|null)[]} samples
 * @param {Latest} latest
 * @param {number} time when the last sample was taken, in milliseconds
 * @returns {Verdict}
 */
export function judge(samples, latest, time) {
  const now = samples.at(-1);
  if (!now) return { level: "idle", score: 1, word: samples.some(Boolean) ? "No data" : "No data yet", why: "", also: [] };
  const last = /** @type {Sample[]} */ (samples.slice(-recent).filter((s) => s !== null));
  /** @type {Finding[]} */
  const found = [...breakers(now, latest, time), ...keys(now), ...rates(last, latest), ...unclassified(last), ...removed(now)];
  found.sort((a, b) => b.score - a.score);
  const [worst, ...also] = found;
  if (worst) return { ...worst, also };
  if (now.calls === 0) {
    const why = now.live ? `${count(now.live, "call")} in flight, none ended` : "";
    return { level: "idle", score: 1, word: "No calls", why, also };
  }
  return { level: "well", score: 0, word: "All well", why: now.budget?.shadow ? "retries in shadow: the budget refuses none" : "", also };
}

/** within keeps an extent below the next hundred. @param {number} x from 0 on */
const within = (x) => 99 * (x / (1 + x));

/** @param {Sample} now @param {Latest} latest @param {number} time @returns {Finding[]} */
function breakers(now, latest, time) {
  const all = now.breakers ?? [];
  const several = all.length > 1;
  /** @type {Finding[]} */
  const found = [];
  for (const { b, nth, label } of numbered(all)) {
    const name = several ? ` ${label}` : "";
    const refused = now.denied?.breaker_open;
    const kept = refused && !found.length ? `; ${number(refused)} calls/s refused` : "";
    const why = reasons(b, nth, latest, time) + kept;
    if (b.state === "open") found.push({ level: "trouble", score: 900 + within(b.retry_in_seconds ?? 0), word: `Breaker${name} open`, why });
    else if (b.state === "isolated") found.push({ level: "trouble", score: 800, word: `Breaker${name} isolated`, why });
    else if (b.state === "half-open") found.push({ level: "trouble", score: 700, word: `Breaker${name} probing`, why });
  }
  return found;
}

/** keys tells of a row of pipelines that is one for each of many keys. @param {Sample} now @returns {Finding[]} */
function keys(now) {
  const k = now.keys;
  if (!k?.open) return [];
  const share = k.open / Math.max(k.all, k.open);
  const bad = share > broken.trouble;
  const names = (k.names ?? []).join(", ") + (k.open > (k.names ?? []).length ? ", …" : "");
  const full = k.no_room ? `; ${number(k.no_room)} calls/s found no room for their key` : "";
  return [{ level: bad ? "trouble" : "watch", score: (bad ? 650 : 170) + 25 * share, word: `${k.open} of ${count(k.all, "key")} in trouble`, why: `the breaker is not closed of ${names}${full}` }];
}

/** @param {Sample} now @returns {Finding[]} */
function removed(now) {
  return now.draining ? [{ level: "idle", score: 2, word: "Removed", why: `${count(now.live, "call")} in flight` }] : [];
}

/** unclassified tells of errors that nobody has classified, by their share of the attempts. @param {Sample[]} last @returns {Finding[]} */
function unclassified(last) {
  const perSecond = mean(last, (s) => s.unclassified?.rate);
  if (!perSecond) return [];
  const share = Math.min(1, perSecond / Math.max(mean(last, (s) => s.attempts), perSecond));
  const bad = share >= failing.trouble;
  const kinds = new Set(last.toReversed().flatMap((s) => (s.unclassified?.kinds ?? []).filter((k) => k.rate > 0).map((k) => k.what)));
  const names = [...kinds].slice(0, 2).join(", ") + (kinds.size > 2 ? ", …" : "");
  return [{ level: bad ? "trouble" : "watch", score: bad ? 350 + share * 49 : 160, word: "Errors that nobody classified", why: `${number(perSecond)}/s, not retried: ${names}` }];
}

/** @param {Sample[]} last @param {Latest} latest @returns {Finding[]} */
function rates(last, latest) {
  const calls = mean(last, (s) => s.calls);
  const perCall = (/** @type {number} */ n) => n / Math.max(calls, 1);
  /** @type {Finding[]} */
  const found = [];

  const refused = mean(last, (s) => s.budget?.refused);
  if (refused > 0) found.push({ level: "trouble", score: 600 + within(perCall(refused)), word: "Budget empty", why: `${number(refused)} retries/s refused` });
  const shadowed = mean(last, (s) => s.budget?.shadow_refused);
  if (shadowed > 0) found.push({ level: "watch", score: 200 + within(perCall(shadowed)), word: "Retries in shadow", why: `the budget would refuse ${number(shadowed)} retries/s` });

  const amp = calls > 0 ? mean(last, (s) => (s.amp ?? 0) * s.calls) / calls : 0;
  if ((amp - 1) * calls >= 1 && amp >= amplified.watch) {
    const bad = amp >= amplified.trouble;
    found.push({ level: bad ? "trouble" : "watch", score: (bad ? 500 : 150) + within(amp - 1) / (bad ? 1 : 2), word: bad ? "Retries multiply the load" : "Many retries", why: `${times(amp)} attempts per call` });
  }

  (last.at(-1)?.limits ?? []).forEach((limit, i) => {
    const refused = mean(last, (s) => s.limits?.[i]?.refused);
    if (refused > 0) found.push({ level: "trouble", score: 400 + within(perCall(refused)), word: limit.adaptive ? `Adaptive ${limit.full.toLowerCase()}` : limit.full, why: `${number(refused)} calls/s refused` });
  });

  const share = calls > 0 ? 1 - mean(last, (s) => s.good) / calls : 0;
  if (share >= failing.watch) {
    const bad = share >= failing.trouble;
    const error = foremost(latest);
    found.push({ level: bad ? "trouble" : "watch", score: (bad ? 300 : 100) + share * 49, word: bad ? "Calls fail" : "Some calls fail", why: `${percent(share)} end with an error${error ? `, most often ${error}` : ""}` });
  }
  return found;
}
