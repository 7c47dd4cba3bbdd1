// @ts-check
// Which changes are asked about again: those that keep many calls out at once, or let many more through.

/** Of these, less means that calls which succeed now may fail. */
const limits = new Set(["deadline", "attempt_deadline", "bulkhead.max_concurrent", "ratelimit.rate", "ratelimit.burst"]);

/** Of these, more means more load on a dependency that may be down. */
const loads = new Set(["retry.max_retries", "budget.ratio", "budget.floor"]);

const seconds = /** @type {Record<string, number>} */ ({ h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, "µs": 1e-6, ns: 1e-9 });

/**
 * size is a value as a number: of a duration in seconds, of "unlimited" infinite; NaN of another word.
 * @param {string} value
 */
function size(value) {
  const text = value.trim();
  if (text === "unlimited") return Infinity;
  if (text === "none" || text === "off") return 0;
  if (text !== "" && Number.isFinite(Number(text))) return Number(text);
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|us|µs|ns|m|s))+$/.test(text)) return NaN;
  let sum = 0;
  for (const [, n, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)/g)) sum += Number(n) * seconds[unit];
  return sum;
}

/** danger says what may come of a change; "" if nothing much. @param {string} key @param {string} from @param {string} to */
export function danger(key, from, to) {
  if (key === "budget.shadow" && to.trim() === "true") return "the budget then refuses no retry";
  const was = size(from);
  const is = size(to);
  if (limits.has(key) && is < was / 2) return "less than half: calls that succeed now may fail";
  if (loads.has(key) && is > was * 2) return "more than double: more load on a dependency that may be down";
  return "";
}
