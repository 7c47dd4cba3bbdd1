// @ts-check
// The log of changes, and the voice that tells a screen reader what matters, seldom.
import { byId, h, mark, say } from "./dom.js";
import { moment } from "./format.js";
import { place } from "./knobs.js";

/**
 * @typedef {import("./state.js").Change} Change
 * @typedef {import("./state.js").Line} Line
 * @typedef {import("./session.js").Session} Session
 */

/** Changes kept in the log. */
const kept = 50;

/** Names in one line of the log; of more, their number. */
const named = 10;

/** who is changed. @param {string[]} names @param {number} most @param {number} [others] that are not in names */
const all = (names, most, others = 0) => {
  const more = Math.max(0, names.length - most) + others;
  return names.slice(0, most).join(", ") + (more ? ` and ${more} more` : "");
};

/** words of a value: "budget.ratio 0.1 → 0.2". @param {Line} l */
const words = (l) => `${l.key ?? l.what} ${l.from} → ${l.to}`;

/** base is a path without its folder. @param {string} path */
const base = (path) => path.split(/[/\\]/).at(-1) ?? path;

/** author says who made a change. @param {Change} c */
function author(c) {
  if (c.by === "file" && c.what) return ""; // the file is what it is about
  if (c.by === "file") return `by ${base(c.file ?? "a file")}`;
  if (c.by === "code") return "by the program";
  return c.who ? `by ${c.who}` : "";
}

/** gist is a change in a few words. @param {Change} c */
function gist(c) {
  if (c.what) return c.what;
  const [first] = c.changes ?? [];
  const more = (c.changes?.length ?? 0) - 1 + (c.more ?? 0);
  return first ? words(first) + (more > 0 ? ` and ${more} more` : "") : "changed";
}

/** key is what a change is known by. @param {Change} c */
const key = (c) => `${c.id} ${c.unix_ms}`;

export class Log {
  /** The newest first. @type {{change: Change, element: any}[]} */
  #entries = [];
  #now = Date.now();
  #dated = 0; // when the entries were last dated

  /** @param {Announcer} announcer @param {Session} session */
  constructor(announcer, session) {
    this.announcer = announcer;
    this.session = session;
    this.list = byId("log");
    this.empty = byId("log-empty");
  }

  /** load asks for the changes of before. What was heard since it was asked stays. */
  async load() {
    const before = new Set(this.#entries);
    const told = await this.session.changes();
    if (!told) return;
    const known = new Map(this.#entries.map((e) => [key(e.change), e]));
    const fresh = told.filter((c) => !known.has(key(c)));
    const there = new Set(told.map(key));
    const later = this.#entries.filter((e) => !before.has(e) && !there.has(key(e.change)));
    this.#entries = [...later, ...told.map((c) => known.get(key(c)) ?? this.#entry(c))].slice(0, kept);
    this.#arrange();
    if (before.size) for (const c of fresh.slice(0, 3).reverse()) this.#announce(c);
  }

  /** @param {Change} c */
  add(c) {
    if (this.#entries.some((e) => key(e.change) === key(c))) return;
    this.#entries = [this.#entry(c), ...this.#entries].slice(0, kept);
    this.#arrange();
    this.#announce(c);
  }

  /** date is told the program's time. On a page that stays open, a time of today becomes one of yesterday. @param {number} now */
  date(now) {
    this.#now = now;
    if (Math.abs(now - this.#dated) < 60_000) return;
    this.#dated = now;
    for (const { change, element } of this.#entries) say(element.firstElementChild, moment(change.unix_ms, now));
  }

  /** @param {Change} c */
  #announce(c) {
    this.announcer.tell(`${all(c.pipelines ?? [], 3, c.more_pipelines) || base(c.file ?? "")}: ${gist(c)}${author(c) ? `, ${author(c)}` : ""}.`);
  }

  /** arrange moves only what is not where it should be, so that the focus stays. */
  #arrange() {
    this.empty.hidden = this.#entries.length > 0;
    const wanted = new Set(this.#entries.map((e) => e.element));
    for (const e of [...this.list.children]) if (!wanted.has(e)) e.remove();
    let at = this.list.firstElementChild;
    for (const { element } of this.#entries) {
      if (element === at) at = at.nextElementSibling;
      else this.list.insertBefore(element, at);
    }
  }

  /** @param {Change} c */
  #entry(c) {
    const lines = c.changes ?? [];
    const names = all(c.pipelines ?? [], named, c.more_pipelines);
    const head = [h("time", { datetime: new Date(c.unix_ms).toISOString() }, moment(c.unix_ms, this.#now)), " ", h("strong", {}, names || base(c.file ?? "")), " "];
    const by = h("span", { class: "who" }, author(c));
    if (c.by === "hand" && !c.what) {
      const undo = lines.every((l) => l.undo) ? this.#undo(c, lines) : null;
      return { change: c, element: h("li", {}, ...head, h("span", {}, lines.map(words).join(", ")), " ", by, " ", undo) };
    }
    const list = lines.map((l) => h("li", {}, h("strong", {}, l.pipeline), ` ${words(l)} `,
      h("span", { class: "who" }, l.origin ? place(l.origin) : ""), " ", l.undo ? this.#undo(c, [l]) : null));
    if (c.more) list.push(h("li", {}, `and ${c.more} more`));
    const what = c.what ?? (lines.length ? "other numbers" : "changed");
    return { change: c, element: h("li", {}, ...head, h("span", {}, what), " ", by, list.length ? h("ul", {}, ...list) : null) };
  }

  /** undo is the button that turns values back, unless somebody has turned them since. @param {Change} c @param {Line[]} lines */
  #undo(c, lines) {
    const status = h("span", { role: "status", class: "undone" });
    const differs = c.by === "file" ? " It then is not as in the file." : "";
    const what = lines.map((l) => `${l.pipeline} ${l.key} back to ${l.from}`).join(", ");
    const button = h("button", { type: "button", "aria-label": `Undo: ${what}.${differs}`, title: `${what}.${differs}`, onclick: async () => {
      if (button.getAttribute("aria-disabled")) return;
      mark(button, "aria-disabled", "true");
      const pairs = (/** @type {"from"|"to"} */ side) => Object.fromEntries(lines.map((l) => [l.key, l[side]]));
      const { errors } = await this.session.tune({ pipeline: lines[0].pipeline, values: pairs("from"), was: pairs("to") });
      say(status, errors.length ? errors.map((e) => e.message).join("; ") : `undone${c.by === "file" ? "; not as in the file now" : ""}`);
      mark(status, "data-refused", errors.length ? "" : null);
      mark(button, "aria-disabled", errors.length ? null : "true");
    } }, "Undo");
    return h("span", { class: "undo" }, button, " ", status);
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
