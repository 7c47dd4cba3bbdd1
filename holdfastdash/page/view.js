// @ts-check
// One pipeline on the page. What is out of sight is not drawn, and of a long list not even made.
import { Details } from "./details.js";
import { h, mark, newId, say } from "./dom.js";
import { Line, Tiles } from "./tiles.js";
import { judge } from "./trouble.js";

/**
 * @typedef {import("./state.js").Pipeline} Pipeline
 * @typedef {import("./state.js").Fleet} Fleet
 */

/** The sign of each level, beside its word. */
const signs = { trouble: "✕", watch: "!", well: "✓", idle: "–" };

export class View {
  visible = false;
  open = false;
  cards = true;
  /** @type {Tiles|null} */
  tiles = null;
  /** @type {Line|null} */
  line = null;
  /** @type {Details|null} */
  details = null;

  /**
   * @param {Pipeline} pipeline
   * @param {Fleet} fleet
   * @param {import("./session.js").Session} session
   */
  constructor(pipeline, fleet, session) {
    this.pipeline = pipeline;
    this.fleet = fleet;
    this.session = session;
    this.verdict = judge(pipeline.samples, pipeline.latest, fleet.time);
    this.id = newId("pipeline");
    this.sign = h("span", { class: "sign", "aria-hidden": "true" });
    this.word = h("strong");
    this.why = h("span", { class: "because" });
    this.also = h("span", { class: "also" });
    this.button = h("button", { type: "button", class: "name", id: this.id, "aria-expanded": "false", title: pipeline.name }, pipeline.name);
    this.standing = h("p", { class: "standing" }, this.word, " ", this.why, " ", this.also);
    this.head = h("header", { class: "head", onclick: () => this.toggle() },
      this.sign, h("h2", {}, this.button),
      this.standing,
      h("span", { class: "more", "aria-hidden": "true" }));
    this.chain = h("p", { class: "chain" });
    this.article = h("article", { "aria-labelledby": this.id }, this.head);
    this.element = h("li", { class: "pipeline" }, this.article);
  }

  /** judge is done for every pipeline, seen or not, since the order depends on it. */
  judge() {
    const was = this.verdict;
    this.verdict = judge(this.pipeline.samples, this.pipeline.latest, this.fleet.time);
    if (was.level !== this.verdict.level || was.word !== this.verdict.word || !this.word.textContent) this.stand();
  }

  stand() {
    const { level, word, why, also } = this.verdict;
    mark(this.element, "data-level", level);
    say(this.sign, signs[level]);
    say(this.word, why ? word + ":" : word);
    say(this.why, why);
    mark(this.standing, "title", why || null);
    say(this.also, also.length ? "Also " + also.map((f) => `${f.word.toLowerCase()} (${f.why})`).join(", ") + "." : "");
  }

  toggle() {
    this.open = !this.open;
    mark(this.button, "aria-expanded", String(this.open));
    mark(this.button, "aria-controls", this.open ? `${this.id}-details` : null);
    this.element.toggleAttribute("data-open", this.open);
    this.draw(this.cards);
  }

  /** draw shows the pipeline as it is now: as a card with its instruments, or as a line. @param {boolean} cards */
  draw(cards) {
    this.cards = cards;
    this.stand();
    this.arrange(cards);
    const { samples, changed, latest } = this.pipeline;
    const { history: slots, interval, time } = this.fleet;
    const marks = changed.map((t) => slots - (time - t) / 1000 / interval).filter((at) => at > 0 && at <= slots);
    const minute = { samples, slots, marks, time, live: this.fleet.live };
    const seconds = slots * interval;
    say(this.chain, this.pipeline.chain);
    this.line?.draw(minute, seconds);
    this.tiles?.draw(minute, seconds, latest);
    this.details?.draw(minute, seconds, latest);
  }

  /** arrange makes the parts that are wanted, and drops the others. @param {boolean} cards */
  arrange(cards) {
    if (!cards && !this.line) this.head.insertBefore((this.line = new Line()).element, this.head.lastChild);
    if (cards && this.line) this.line = drop(this.line);
    const instruments = cards || this.open;
    if (instruments && !this.tiles) this.article.append(this.chain, (this.tiles = new Tiles()).element);
    if (!instruments && this.tiles) {
      this.chain.remove();
      this.tiles = drop(this.tiles);
    }
    if (this.open && !this.details) this.article.append((this.details = new Details(`${this.id}-details`, this.pipeline.name, this.session)).element);
    if (!this.open && this.details) {
      this.details.close();
      this.details = drop(this.details);
    }
  }

  /** hide is told when the pipeline has left the screen. */
  hide() {
    this.visible = false;
    if (this.line && !this.open && !this.element.contains(document.activeElement)) this.line = drop(this.line);
  }
}

/** drop removes a part. @param {{element: Element}} part @returns {null} */
function drop(part) {
  part.element.remove();
  return null;
}
