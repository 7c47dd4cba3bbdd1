// @ts-check
// The log of changes, and the voice that tells a screen reader what matters, seldom.
import { byId, h, say } from "./dom.js";
import { clock } from "./format.js";

/** Changes kept in the log. */
const kept = 50;

/** Names in one line of the log; of more, their number. */
const named = 10;

/**
 * words of a change: "budget ratio 0.1 → 0.2", "stages replaced", "added".
 * @param {import("./state.js").Change} c
 */
function words(c) {
  return c.from === undefined && c.to === undefined ? c.what : `${c.what} ${c.from} → ${c.to}`;
}

/** who is changed. @param {string[]} names @param {number} most */
const all = (names, most) => names.slice(0, most).join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");

export class Log {
  /** @param {Announcer} announcer */
  constructor(announcer) {
    this.announcer = announcer;
    this.list = byId("log");
    this.empty = byId("log-empty");
  }

  /** @param {import("./state.js").Change} c */
  add(c) {
    this.empty.hidden = true;
    this.list.prepend(h("li", {}, h("time", { datetime: new Date(c.unix_ms).toISOString() }, clock(c.unix_ms)), " ",
      h("strong", {}, all(c.pipelines, named)), " ", h("span", {}, words(c)), " ", h("span", { class: "who" }, c.who ? `by ${c.who}` : "")));
    while (this.list.childElementCount > kept) this.list.lastElementChild.remove();
    this.announcer.tell(`${all(c.pipelines, 3)}: ${words(c)}${c.who ? `, by ${c.who}` : ""}.`);
  }
}

/** How long the voice is silent after it has spoken, in milliseconds. */
const silence = 5000;

/** Announcer speaks in the page's live region: what it has to say is gathered, and said at most every five seconds. */
export class Announcer {
  /** @type {string[]} */
  #waiting = [];
  #spokeAt = -Infinity;
  /** Who was in trouble when that was last told. @type {Map<string, string>|null} */
  #troubled = null;
  #timer = 0;

  constructor() {
    this.region = byId("announcer");
  }

  /** @param {string} message */
  tell(message) {
    this.#waiting.push(message);
    if (this.#timer) return;
    const wait = Math.max(200, silence - (performance.now() - this.#spokeAt));
    this.#timer = window.setTimeout(() => this.speak(), wait);
  }

  speak() {
    this.#timer = 0;
    this.#spokeAt = performance.now();
    say(this.region, this.#waiting.splice(0).slice(-4).join(" "));
  }

  /**
   * standings tells who came into trouble and who is well again, once it has settled.
   * @param {Map<string, string>} troubled the word for each pipeline in trouble
   * @param {Map<string, any>} there has all pipelines: one that is gone is not well again
   */
  standings(troubled, there) {
    if (this.#timer || performance.now() - this.#spokeAt < silence) return;
    const was = this.#troubled;
    const fresh = [...troubled].filter(([name]) => !was?.has(name));
    const over = [...(was ?? [])].filter(([name]) => there.has(name) && !troubled.has(name));
    this.#troubled = new Map(troubled);
    if (!was && !fresh.length) return;
    const named = (/** @type {[string, string][]} */ of) => of.slice(0, 3).map(([name, word]) => (word ? `${name}: ${word}` : name)).join(", ") + (of.length > 3 ? ` and ${of.length - 3} more` : "");
    if (fresh.length) this.tell(`In trouble: ${named(fresh)}.`);
    if (over.length) this.tell(`Out of trouble: ${named(over.map(([name]) => [name, ""]))}.`);
  }
}
