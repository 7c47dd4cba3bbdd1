// @ts-check
// The list of pipelines: which are shown, and in what order.
import { byId, say } from "./dom.js";
import { last } from "./format.js";
import { View } from "./view.js";

/** Up to so many pipelines each is a card with its instruments; more of them are lines. */
const fewEnoughForCards = 12;

/** How often the order follows the numbers, in milliseconds: nobody reads what jumps about. */
const settled = 3000;

/** For so long after the pointer moved over the list, it stays as it is, so that a click meets what it was meant for. */
const hovering = 2000;

export class List {
  /** @type {Map<string, View>} */
  views = new Map();
  /** Those shown, in their order. @type {View[]} */
  order = [];
  #sortedAt = -Infinity;
  #pointedAt = -Infinity;
  #told = false; // which pipelines there are

  /** @param {import("./state.js").Fleet} fleet @param {import("./session.js").Session} session */
  constructor(fleet, session) {
    this.fleet = fleet;
    this.session = session;
    this.element = byId("pipelines");
    this.search = byId("search");
    this.sort = byId("sort");
    this.only = byId("only");
    this.columns = byId("columns");
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
    /** @type {WeakMap<Element, View>} */
    this.byElement = new WeakMap();
    for (const e of [this.search, this.sort, this.only]) e.addEventListener("input", () => this.arrange());
    byId("controls").addEventListener("submit", (/** @type {Event} */ e) => e.preventDefault());
    this.element.addEventListener("pointermove", () => (this.#pointedAt = performance.now()));
  }

  get cards() {
    return this.fleet.pipelines.length <= fewEnoughForCards;
  }

  /** hello makes a view for each pipeline, and keeps those there are. */
  hello() {
    const had = this.views;
    this.views = new Map();
    for (const p of this.fleet.pipelines) {
      let v = had.get(p.name);
      if (!v) {
        v = new View(p, this.fleet, this.session);
        this.byElement.set(v.element, v);
        this.observer.observe(v.element);
      }
      v.pipeline = p;
      this.views.set(p.name, v);
    }
    for (const [name, v] of had) {
      if (this.views.get(name) === v) continue;
      this.observer.unobserve(v.element);
      v.element.remove();
      v.details?.close();
    }
    this.#told = true;
    this.element.className = `pipelines ${this.cards ? "cards" : "lines"}`;
    this.columns.hidden = this.cards;
    say(byId("span"), `calls, ${last(this.fleet.history * this.fleet.interval)}`);
    this.judge();
    this.arrange(this.held());
    this.draw();
  }

  /** reload asks for the numbers of the pipelines that are open: of those with these names, or of all. @param {string[]} [names] */
  reload(names) {
    for (const v of names ? names.map((name) => this.views.get(name)) : this.views.values()) void v?.details?.tuning.load();
  }

  judge() {
    for (const v of this.views.values()) v.judge();
  }

  /** draw draws what is in sight, and puts the list in order now and then. */
  draw() {
    if (performance.now() - this.#sortedAt >= settled && !this.held()) this.arrange();
    this.tell();
    for (const v of this.order) if (v.visible || v.open) v.draw(this.cards);
  }

  /** held is whether somebody is at work in the list, whom a new order would disturb. */
  held() {
    return this.focused() || performance.now() - this.#pointedAt < hovering;
  }

  focused() {
    return this.element.contains(document.activeElement) && document.activeElement !== this.element;
  }

  /** tell says what is not seen of the list: how many are left out, and that the order stays. */
  tell() {
    const all = this.views.size;
    const parts = [];
    if (this.order.length < all) parts.push(`${this.order.length} of ${all} shown`);
    if (this.focused()) parts.push("order held while the focus is in the list");
    say(byId("shown"), parts.join(", "));
  }

  /**
   * arrange shows the pipelines that are asked for, in the order that is asked for; or, to disturb nobody, in the
   * order that they have, with new ones at the end.
   * @param {boolean} [asTheyAre]
   */
  arrange(asTheyAre = false) {
    const rank = new Map(asTheyAre ? this.order.map((v, i) => [v, i]) : []);
    const at = (/** @type {View} */ v) => rank.get(v) ?? rank.size;
    this.#sortedAt = performance.now();
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const views = [...this.views.values()].filter((v) => {
      const text = `${v.pipeline.name} ${v.pipeline.chain} ${v.verdict.word}`.toLowerCase();
      return words.every((/** @type {string} */ w) => text.includes(w)) && (!this.only.checked || v.verdict.level === "trouble");
    });
    const by = orders[/** @type {keyof typeof orders} */ (this.sort.value)];
    views.sort((a, b) => at(a) - at(b) || by(b) - by(a) || (a.pipeline.name < b.pipeline.name ? -1 : 1));
    this.place(views);
    this.order = views;
    this.tell();
    const empty = byId("empty");
    empty.hidden = views.length > 0 || !this.#told;
    if (this.views.size === 0) say(empty, "There are no pipelines now. Those that come will be here.");
    else say(empty, this.only.checked && !words.length ? "None of the pipelines is in trouble." : "No pipeline answers to that.");
  }

  /** place moves only the elements that are not where they should be, so that the focus stays. @param {View[]} views */
  place(views) {
    const wanted = new Set(views.map((v) => v.element));
    for (const e of [...this.element.children]) if (!wanted.has(e)) e.remove();
    let at = this.element.firstElementChild;
    for (const { element } of views) {
      if (element === at) at = at.nextElementSibling;
      else this.element.insertBefore(element, at);
    }
  }

  /** @param {IntersectionObserverEntry[]} entries */
  seen(entries) {
    for (const e of entries) {
      const v = this.byElement.get(e.target);
      if (!v) continue;
      if (e.isIntersecting && !v.visible) {
        v.visible = true;
        v.draw(this.cards);
      } else if (!e.isIntersecting) {
        v.hide();
      }
    }
  }
}

/** What the orders go by, the largest first; then by name. @type {Record<string, (v: View) => number>} */
const orders = {
  worst: (v) => v.verdict.score,
  name: () => 0,
  calls: (v) => v.pipeline.now?.calls ?? -1,
  amp: (v) => v.pipeline.now?.amp ?? -1,
};
