// @ts-check
// Numbers as they are read: three digits at the most, and a unit.

/** unknown stands where there is no number. */
export const unknown = "–";

const fixed = [0, 1, 2].map((digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits, useGrouping: false }));

/** @param {number} n */
const digitsFor = (n) => (Math.abs(n) < 10 ? 1 : 0);

/**
 * number: 0.04 → "0.04", 9.44 → "9.4", 130.2 → "130", 1340 → "1.3k", 2500000 → "2.5M".
 * @param {number|undefined} n
 */
export function number(n) {
  if (n === undefined || !Number.isFinite(n)) return unknown;
  const size = Math.abs(n);
  if (size >= 999_500) return fixed[digitsFor(n / 1e6)].format(n / 1e6) + "M";
  if (size >= 999.5) return fixed[digitsFor(n / 1e3)].format(n / 1e3) + "k";
  return fixed[size > 0 && size < 0.095 ? 2 : digitsFor(n)].format(n);
}

/** rate: "130/s". @param {number|undefined} n */
export const rate = (n) => number(n) + (n === undefined ? "" : "/s");

/**
 * duration, of seconds: "<0.1 ms", "0.4 ms", "12 ms", "1.2 s", "12 s", "3 min", "5 h", "3 d".
 * @param {number|undefined} s
 */
export function duration(s) {
  if (s === undefined || !Number.isFinite(s)) return unknown;
  if (s > 0 && s < 0.00005) return "<0.1 ms";
  if (s < 0.9995) return fixed[digitsFor(s * 1e3)].format(s * 1e3) + " ms";
  if (s < 119.5) return fixed[digitsFor(s)].format(s) + " s";
  if (s < 7170) return Math.round(s / 60) + " min";
  return s < 172_800 ? Math.round(s / 3600) + " h" : Math.round(s / 86_400) + " d";
}

/** countdown, of seconds: whole ones, and "now" when there is nothing left. @param {number} s */
export const countdown = (s) => (s > 0 ? (s < 119.5 ? Math.ceil(s) + " s" : duration(s)) : "now");

/**
 * percent, of a share: never "100 %" or "0 %" for what is only nearly so.
 * @param {number|undefined} share
 */
export function percent(share) {
  if (share === undefined || !Number.isFinite(share)) return unknown;
  const p = share * 100;
  if (p > 0 && p < 0.1) return "<0.1 %";
  if (p < 100 && p > 99.9) return ">99.9 %";
  return (p < 10 || p > 99 ? fixed[1] : fixed[0]).format(p) + " %";
}

/** last is what the charts span, in words: "last minute", "last 10 min". @param {number} seconds */
export const last = (seconds) => `last ${seconds === 60 ? "minute" : duration(seconds)}`;

const twoDigits = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** times: "×1.01". @param {number|undefined} n */
export const times = (n) => (n === undefined || !Number.isFinite(n) ? unknown : "×" + twoDigits.format(n));

/** exact is a setting as it is typed: no digit lost, no exponent. @param {number} n */
export const exact = (n) => new Intl.NumberFormat("en", { maximumFractionDigits: 9, useGrouping: false }).format(n);

/** clock: "08:41:07", in the reader's own time zone. @param {number} ms */
export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/** moment: the clock, and the day if that is not within half a day. @param {number} ms @param {number} now */
export const moment = (ms, now) =>
  Math.abs(now - ms) < 43_200_000 ? clock(ms) : `${new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${clock(ms)}`;

/** since: "since 03:12:07 (4 min)". @param {number} ms @param {number} now */
export function since(ms, now) {
  const seconds = Math.round((now - ms) / 1000);
  return `since ${moment(ms, now)} (${seconds > 0 ? duration(seconds) : "just now"})`;
}

/** count: "1 pipeline", "3 pipelines". @param {number} n @param {string} noun */
export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

const reasons = /** @type {Record<string, string>} */ ({
  retries_exhausted: "all attempts used",
  budget_exhausted: "budget empty",
  too_late: "no time left to retry",
  canceled: "caller gave up",
  permanent: "not worth a retry",
  retry_after_too_long: "asked to wait too long",
  unlikely_to_help: "unlikely to help",
  breaker_open: "breaker open",
  bulkhead_full: "bulkhead full",
  rate_limited: "rate limit reached",
  rejected: "refused by a guard",
  aborted: "panicked",
  unclassified: "nobody classified the error",
  outcome_unknown: "may have been carried out",
});

const verdicts = /** @type {Record<string, string>} */ ({
  transient: "worth a retry",
  overload: "overload: worth a later retry",
  permanent: "the caller's fault",
  canceled: "the caller gave up",
  rejected: "refused on this side",
  unclassified: "nobody classified it",
});

/** meaning says in words what an error means. @param {string} name as in resilience.Verdict */
export const meaning = (name) => verdicts[name] ?? name.replaceAll("_", " ");

/** reason says in words why calls are denied. @param {string} name as in resilience.Reason */
export const reason = (name) => reasons[name] ?? name.replaceAll("_", " ");
