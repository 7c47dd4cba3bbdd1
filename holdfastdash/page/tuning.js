// @ts-check
// The form that turns a pipeline's numbers, and the buttons of a breaker.
import { danger } from "./dangers.js";
import { h, mark, newId, say } from "./dom.js";
import { count } from "./format.js";
import { Knobs } from "./knobs.js";
import { Yaml } from "./yaml.js";

/**
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./session.js").Problem} Problem
 * @typedef {import("./state.js").Breaker} Breaker
 */

/** outcome puts what became of a change into words. @param {{changes: {what: string, from: string, to: string}[]}} answer */
const outcome = ({ changes }) =>
  changes.length ? "Changed: " + changes.map((c) => `${c.what} ${c.from} → ${c.to}`).join(", ") + "." : "Nothing was different.";

/** Tuning shows a pipeline's numbers, and changes them. */
export class Tuning {
  /** @type {Promise<void>|null} */
  #loading = null;
  #again = false; // something may have changed since it asked

  /** @param {string} pipeline its name @param {Session} session */
  constructor(pipeline, session) {
    this.pipeline = pipeline;
    this.session = session;
    this.busy = false; // what was typed is under way
    this.asks = false; // whether it is meant
    this.gone = false; // the details were closed
    this.knobs = new Knobs(pipeline, () => this.plan());
    this.yaml = new Yaml();
    this.errors = h("div", { class: "errors", role: "alert" });
    this.result = h("p", { class: "result", role: "status" });
    this.why = h("p", { class: "why", id: newId("why") });
    this.planned = h("ul", { "aria-label": "What will change" });
    this.apply = h("button", { type: "submit", class: "primary" }, "Apply");
    this.revert = h("button", { type: "button", onclick: () => this.drop() }, "Revert");
    this.no = h("button", { type: "button", onclick: () => this.ask([]) }, "No");
    this.yes = h("button", { type: "button", class: "danger", onclick: () => void this.submit(true) }, "Apply anyway");
    this.danger = h("span");
    this.question = h("p", { class: "question", hidden: true }, this.danger, " ", this.yes, " ", this.no);
    this.bar = h("div", { class: "plan", hidden: true }, this.planned, h("div", { class: "actions" }, this.apply, this.revert), this.question);
    this.element = h("form", { class: "tuning", novalidate: true, "aria-label": `Numbers of ${pipeline}`, onsubmit: (/** @type {Event} */ e) => {
      e.preventDefault();
      void this.submit(false);
    } }, h("h3", {}, "Numbers"), this.why, this.knobs.element, this.errors, this.bar, this.result, this.yaml.element);
    session.addEventListener("change", this.#reload);
    void this.load();
  }

  #reload = () => void this.load();

  /** close is told when the details are closed. */
  close() {
    this.gone = true;
    this.session.removeEventListener("change", this.#reload);
  }

  /** show says whether this reader may turn anything. @param {boolean} keyed the numbers are those of all keys */
  show(keyed) {
    const { canTune, why, who } = this.session;
    const all = keyed ? "They are those of all keys. " : "";
    say(this.why, canTune
      ? `${all}Changes take effect at once, and are logged${who ? ` under “${who}”` : ""}. They last until the program, or the file that it follows, sets other numbers.`
      : `Read-only. ${why}`);
    mark(this.element, "data-readonly", canTune ? null : "");
  }

  /** load asks for the numbers: once more if something changed while it asked. It ends when they are shown. */
  load() {
    this.#again = true;
    this.#loading ??= this.#run().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #run() {
    while (this.#again && !this.gone) {
      this.#again = false;
      const { told, problem } = await this.session.knobs(this.pipeline);
      if (this.gone) return;
      if (told) {
        this.knobs.show(told);
        this.yaml.show(told);
        this.plan();
      } else if (!this.knobs.fields.size) this.fail([{ message: problem }]);
    }
  }

  /** plan says what would change, before it is sent. */
  plan() {
    const { dirty } = this.knobs;
    this.bar.hidden = dirty.length === 0;
    if (this.asks) this.#askAnew();
    this.planned.replaceChildren(...dirty.map((f) => h("li", {}, h("code", {}, f.key), ` ${f.base} → ${f.input.value.trim() || "(empty)"}`)));
    const label = `Apply ${count(dirty.length, "change")}`;
    say(this.apply, label);
    mark(this.apply, "aria-label", `${label}: ${dirty.map((f) => `${f.key} ${f.base} to ${f.input.value.trim()}`).join(", ")}`);
  }

  drop() {
    for (const f of this.knobs.fields.values()) f.revert();
    this.fail([]);
    say(this.result, "");
    this.plan();
    this.knobs.element.querySelector("input, select")?.focus(); // the button is gone
  }

  /** What may come of the changes, in words. */
  #dangers() {
    return this.knobs.dirty.map((f) => ({ f, what: danger(f.key, f.base, f.input.value) })).filter((d) => d.what)
      .map(({ f, what }) => `${f.key} ${f.base} → ${f.input.value.trim()}: ${what}`);
  }

  /** ask asks once more before dangerous changes. @param {string[]} dangers none: it asks no more */
  ask(dangers) {
    const typing = this.knobs.element.contains(document.activeElement);
    const asked = this.asks;
    this.asks = dangers.length > 0;
    this.question.hidden = !this.asks;
    this.apply.hidden = this.revert.hidden = this.asks;
    say(this.danger, dangers.join("; "));
    if (this.asks) this.no.focus();
    else if (asked && !typing && !this.bar.hidden) this.apply.focus();
  }

  /** askAnew asks about the changes as they are now: somebody has typed on, or turned a number meanwhile. */
  #askAnew() {
    const dangers = this.#dangers();
    if (dangers.length) say(this.danger, dangers.join("; "));
    else this.ask([]);
  }

  /** @param {boolean} meant dangers have been asked about */
  async submit(meant) {
    const { dirty } = this.knobs;
    if (!dirty.length || this.busy) return;
    const dangers = this.#dangers();
    if (dangers.length && !meant) {
      this.ask(dangers);
      return;
    }
    this.ask([]);
    const values = Object.fromEntries(dirty.map((f) => [f.key, f.input.value.trim()]));
    const was = Object.fromEntries(dirty.map((f) => [f.key, f.base]));
    this.busy = true;
    const { errors, changes } = await this.send({ values, was });
    this.busy = false;
    if (!errors.length) {
      for (const f of dirty) {
        if (f.input.value.trim() !== values[f.key]) continue; // somebody typed on meanwhile
        f.base = f.input.value = changes.find((c) => c.what === f.key)?.to ?? f.base;
      }
    }
    await this.load();
    if (errors.length) for (const f of dirty) f.rebase(); // what is in force was told, and may be changed now
    this.plan();
  }

  /**
   * send asks for a change of this pipeline, and says what came of it. It does not wait for the answer to another
   * change: a breaker must be isolated at once. The fields stay enabled meanwhile: a disabled one would lose the focus.
   * @param {object} change
   */
  async send(change) {
    say(this.result, "Sending…");
    const answer = await this.session.tune({ pipeline: this.pipeline, ...change });
    this.fail(answer.errors);
    say(this.result, answer.errors.length ? "" : outcome(answer));
    return answer;
  }

  /** fail shows each error at the field it names, and the others below. @param {Problem[]} errors */
  fail(errors) {
    const { fields } = this.knobs;
    const key = (/** @type {Problem} */ e) => e.field?.replace(/^(?:values|was)\./, "") ?? "";
    for (const f of fields.values()) f.fail(errors.filter((e) => f.input && key(e) === f.key).map((e) => e.message).join("\n"));
    const rest = errors.filter((e) => !fields.get(key(e))?.input);
    this.errors.replaceChildren(...rest.map((e) => h("p", { class: "error" }, e.message)));
    [...fields.values()].find((f) => f.input?.getAttribute("aria-invalid"))?.input.focus();
  }
}

/** Switches are the buttons of one breaker. Isolating asks again, since it keeps every call out. */
export class Switches {
  /** @param {string} breaker its name @param {Tuning} tuning */
  constructor(breaker, tuning) {
    this.tuning = tuning;
    this.asks = false;
    const flip = (/** @type {object} */ change) => () => {
      this.ask(false);
      void tuning.send(change);
    };
    this.isolate = h("button", { type: "button", "aria-label": `Isolate breaker ${breaker}…`, onclick: () => this.ask(true) }, "Isolate…");
    this.reset = h("button", { type: "button", "aria-label": `Reset breaker ${breaker}`, onclick: flip({ reset: [breaker] }) }, "Reset");
    this.cancel = h("button", { type: "button", "aria-label": `No, do not isolate breaker ${breaker}`, onclick: () => this.ask(false) }, "No");
    this.confirm = h("button", { type: "button", class: "danger", "aria-label": `Isolate breaker ${breaker} now`, onclick: flip({ isolate: [breaker] }) }, "Isolate");
    this.question = h("span", { class: "question", hidden: true }, "Keep every call out? ", this.confirm, " ", this.cancel);
    this.element = h("span", { class: "switches" }, this.isolate, " ", this.reset, this.question);
  }

  /** @param {boolean} asks */
  ask(asks) {
    this.asks = asks;
    this.isolate.hidden = this.reset.hidden = asks;
    this.question.hidden = !asks;
    (asks ? this.cancel : this.isolate).focus();
  }

  /** @param {Breaker} b */
  show(b) {
    this.element.hidden = !this.tuning.session.canTune;
    this.isolate.disabled = b.state === "isolated";
  }
}
