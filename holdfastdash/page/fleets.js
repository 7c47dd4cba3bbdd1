// @ts-check
// The fleets that this pod is in: what it hears of the other pods, service by service.
import { byId, h, mark, newId, say } from "./dom.js";
import { clock, count, countdown, duration, exact, number, unknown } from "./format.js";
import { Orders } from "./orders.js";
import { Pools } from "./pools.js";
import { Figure } from "./tiles.js";

/**
 * @typedef {{kind: string, by: string, why: string, at_unix_ms?: number, until_unix_ms: number, ratio?: number, overruled?: boolean}} Order
 * @typedef {{name: string, state: string, age_seconds?: number, pods: number, speaking: number, failing: number, open: number,
 *   successes: number, failures: number, holder?: string, probes?: boolean, banned?: boolean, orders?: Order[]}} Member
 * @typedef {{fleet: string, pod: string, apart: boolean, why?: string, left?: boolean, idle?: string, hands: boolean, forged?: number,
 *   budgets?: import("./pools.js").Pool[]}} Head
 * @typedef {{head: Head, members: Member[]}} Told
 */

/** A fleet of no more services than this is open from the start. */
const fewServices = 5;

const signs = /** @type {Record<string, string>} */ ({ trouble: "✕", watch: "!", well: "✓", idle: "–" });

/** judge says how a service of a fleet stands. @param {Member} m @returns {{level: string, word: string}} */
function judge(m) {
  if (m.orders?.some((o) => o.kind === "isolate")) return { level: "trouble", word: "Isolated in all pods" };
  if (m.open) return { level: "trouble", word: `Open in ${m.open} of ${count(m.pods, "pod")}` };
  if (m.failing) return { level: "watch", word: `${m.failing} of ${count(m.speaking, "pod")} failing` };
  if (m.banned) return { level: "watch", word: "This pod goes by itself: its probes failed, and those of others succeeded" };
  if (m.orders?.length) return { level: "watch", word: "An order is in force" };
  if (m.age_seconds === undefined) return { level: "idle", word: "No news yet" };
  return { level: "well", word: "All well" };
}

/** What an order does. @param {Order} o */
function effect(o) {
  if (o.kind === "isolate") return "Isolated";
  if (o.kind === "reset") return "Reset";
  return o.ratio === undefined ? o.kind : `Budget ratio ${exact(o.ratio)}`;
}

/** Row is a service of a fleet. */
class Row {
  /** @type {Member|null} */
  #told = null;
  /** @type {Orders|null} */
  orders = null;

  /** @param {string} fleet @param {string} name @param {import("./session.js").Session} session */
  constructor(fleet, name, session) {
    this.fleet = fleet;
    this.name = name;
    this.session = session;
    const id = newId("member");
    this.sign = h("span", { class: "sign", "aria-hidden": "true" });
    this.word = h("strong");
    this.pods = new Figure("pods", undefined, "pods that this one hears of, itself included");
    this.speaking = new Figure("have outcomes", undefined, "of the pods, in the last ten seconds");
    this.failing = new Figure("failing", undefined, "of those, by their own numbers");
    this.open = new Figure("open", undefined, "of the pods, whose breakers are open or half-open");
    this.failed = new Figure("failed", undefined, "of the outcomes of all pods in the last ten seconds");
    this.here = new Figure("here", undefined, "this pod's breaker");
    this.probes = new Figure("who probes", undefined, "the pod that probes for all");
    this.news = new Figure("news", undefined, "how old they are");
    this.standing = h("ul", { class: "orders", "aria-label": `Orders in force for ${name}` });
    this.button = h("button", { type: "button", "aria-expanded": "false", "aria-label": `Order for all pods: ${name}…`, onclick: () => this.toggle() }, "Order…");
    this.article = h("article", { "aria-labelledby": id },
      h("header", {}, this.sign, h("h3", { id, title: name }, name), h("p", { class: "standing" }, this.word), this.button),
      h("dl", { class: "figures" }, ...[this.pods, this.speaking, this.failing, this.open, this.failed, this.here, this.probes, this.news].map((f) => f.element)),
      this.standing);
    this.element = h("li", { class: "member" }, this.article);
  }

  toggle() {
    if (this.orders) {
      this.orders.element.remove();
      this.orders = null;
    } else {
      this.orders = new Orders(this.fleet, this.name, this.session);
      this.article.append(this.orders.element);
      if (this.#told) this.orders.show(this.#told);
      this.orders.focus();
    }
    mark(this.button, "aria-expanded", String(this.orders !== null));
  }

  /** @param {Member} m @param {Head} head @param {number} time the program's */
  draw(m, head, time) {
    const may = this.session.canTune && head.hands && !head.left;
    this.button.hidden = !may;
    if (!may && this.orders) this.toggle();
    if (m !== this.#told) this.stand(m, head);
    if (m.orders?.length || this.standing.childElementCount) this.drawOrders(m.orders ?? [], time);
  }

  /** @param {Member} m @param {Head} head */
  stand(m, head) {
    this.#told = m;
    const { level, word } = judge(m);
    mark(this.element, "data-level", level);
    say(this.sign, signs[level]);
    say(this.word, word);
    const known = m.age_seconds !== undefined;
    const of = (/** @type {number} */ n) => (known ? number(n) : unknown);
    this.pods.set(of(m.pods));
    this.speaking.set(of(m.speaking));
    this.failing.set(of(m.failing));
    this.open.set(of(m.open));
    this.failed.set(of(m.failures), known ? `of ${number(m.successes + m.failures)}` : "");
    this.here.set(m.state);
    mark(this.here.value, "data-state", m.state);
    this.probes.set(m.probes ? "this pod" : m.holder || "nobody");
    mark(this.probes.value, "title", m.probes ? head.pod : m.holder ?? null);
    this.news.set(!known ? "none yet" : m.age_seconds ? duration(m.age_seconds) : "<2 s", m.age_seconds ? "old" : "");
    this.orders?.show(m);
  }

  /** @param {Order[]} orders @param {number} time */
  drawOrders(orders, time) {
    const list = this.standing;
    while (list.childElementCount > orders.length) list.lastElementChild.remove();
    while (list.childElementCount < orders.length) list.append(h("li", {}, h("strong"), " ", h("span")));
    orders.forEach((o, i) => {
      const [what, more] = list.children[i].children;
      const left = countdown(Math.max(0, o.until_unix_ms - time) / 1000);
      say(what, effect(o));
      const given = o.at_unix_ms ? `, given at ${clock(o.at_unix_ms)} (${duration(Math.max(0, Math.round((time - o.at_unix_ms) / 1000)))} ago)` : "";
      say(more, `by ${o.by}: “${o.why}”${given}, ${left === "now" ? "ends now" : `ends in ${left}`}${o.overruled ? "; changed by hand in this pod since" : ""}`);
    });
  }
}

/** Panel is one fleet. */
class Panel {
  /** @type {Map<string, Row>} */
  rows = new Map();

  /** @param {Told} told @param {import("./session.js").Session} session */
  constructor(told, session) {
    this.session = session;
    this.name = told.head.fleet;
    this.sign = h("span", { class: "sign", "aria-hidden": "true" });
    this.word = h("strong");
    this.because = h("span", { class: "because" });
    this.why = h("p", { class: "why" });
    this.idle = h("p", { class: "idle", hidden: true });
    this.pools = new Pools();
    this.list = h("ul", { class: "members", "aria-label": `Services of the fleet ${this.name}` });
    this.element = h("details", { class: "fleet", "aria-label": `Fleet ${this.name}`, open: told.members.length <= fewServices, ontoggle: () => this.redraw() },
      h("summary", {}, this.sign, h("h2", { title: this.name }, `Fleet ${this.name}`), h("span", { class: "standing" }, this.word, " ", this.because)),
      this.why, this.idle, this.list, this.pools.element);
    this.redraw = () => {};
  }

  /** hello takes the services that there are now. @param {Told} told */
  hello(told) {
    const had = this.rows;
    this.rows = new Map(told.members.map((m) => [m.name, had.get(m.name) ?? new Row(this.name, m.name, this.session)]));
    for (const [name, row] of had) if (this.rows.get(name) !== row) row.element.remove();
    let at = this.list.firstElementChild;
    for (const { element } of this.rows.values()) {
      if (element === at) at = at.nextElementSibling;
      else this.list.insertBefore(element, at);
    }
  }

  /** @param {Told} told @param {number} time @param {(name: string, level: string) => boolean} wanted */
  draw({ head, members }, time, wanted) {
    this.redraw = () => this.draw({ head, members }, time, wanted);
    const level = head.apart || head.left || head.idle ? "watch" : worst(members);
    mark(this.element, "data-level", level);
    say(this.sign, signs[level]);
    say(this.word, standing(head, members));
    say(this.because, head.apart ? `Every breaker goes by itself. ${head.why ?? ""}` : "");
    say(this.why, knobs(head, this.session));
    this.idle.hidden = !head.idle;
    say(this.idle, head.idle ? `This fleet follows nothing: ${head.idle}` : "");
    this.pools.draw(head.budgets ?? []);
    if (!this.element.open) return;
    for (const m of members) {
      const row = this.rows.get(m.name);
      if (!row) continue;
      row.element.hidden = !wanted(m.name, judge(m).level);
      row.draw(m, head, time);
    }
  }
}

/** @param {Member[]} members */
function worst(members) {
  const levels = new Set(members.map((m) => judge(m).level));
  return ["trouble", "watch", "well"].find((level) => levels.has(level)) ?? "idle";
}

/** standing is the fleet in a line. @param {Head} head @param {Member[]} members */
function standing(head, members) {
  if (head.left) return "This pod has left it; this is how it was then.";
  if (head.apart) return "No news from its store.";
  const parts = [count(Math.max(0, ...members.map((m) => m.pods)), "pod"), count(members.length, "service")];
  const open = members.filter((m) => m.open).length;
  const orders = members.reduce((n, m) => n + (m.orders?.length ?? 0), 0);
  if (open) parts.push(`${open} with open breakers`);
  if (orders) parts.push(`${count(orders, "order")} in force`);
  if (head.forged) parts.push(`${count(head.forged, "forged order")} refused`);
  return parts.join(", ");
}

/** knobs says who may give orders. @param {Head} head @param {import("./session.js").Session} session */
function knobs(head, session) {
  if (head.left) return "Read-only. This pod has left the fleet.";
  if (!session.canTune) return `Read-only. ${session.why}`;
  if (!head.hands) return "Read-only. This pod gives no orders: it has joined the fleet without a key (fleet.WithKey).";
  return `Orders are for all pods${session.who ? `, given and logged under “${session.who}”` : ""}. Each ends by itself.`;
}

/** Fleets is the part of the page that shows them. */
export class Fleets {
  /** @type {Map<string, Panel>} */
  panels = new Map();

  /** @param {import("./state.js").Fleet} state @param {import("./session.js").Session} session @param {import("./log.js").Announcer} announcer */
  constructor(state, session, announcer) {
    this.state = state;
    this.session = session;
    this.announcer = announcer;
    this.element = byId("fleets");
    /** @type {Map<string, boolean>} */
    this.apart = new Map();
    for (const id of ["search", "only"]) byId(id).addEventListener("input", () => this.draw());
  }

  hello() {
    const had = this.panels;
    this.panels = new Map(this.state.fleets.map((told) => [told.head.fleet, had.get(told.head.fleet) ?? new Panel(told, this.session)]));
    for (const [name, p] of had) if (!this.panels.has(name)) p.element.remove();
    for (const told of this.state.fleets) {
      const p = /** @type {Panel} */ (this.panels.get(told.head.fleet));
      p.hello(told);
      if (p.element.parentNode !== this.element) this.element.append(p.element);
    }
    this.element.hidden = this.panels.size === 0;
    this.draw();
  }

  draw() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const only = byId("only").checked;
    const wanted = (/** @type {string} */ name, /** @type {string} */ level) =>
      words.every((/** @type {string} */ w) => name.toLowerCase().includes(w)) && (!only || level === "trouble");
    for (const told of this.state.fleets) {
      this.panels.get(told.head.fleet)?.draw(told, this.state.time, wanted);
      const was = this.apart.get(told.head.fleet);
      if (was !== undefined && was !== told.head.apart) {
        this.announcer.tell(`The fleet ${told.head.fleet} ${told.head.apart ? "has no news from its store" : "has news from its store again"}.`);
      }
      this.apart.set(told.head.fleet, told.head.apart);
    }
  }
}
