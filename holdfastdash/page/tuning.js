// @ts-check
// The form that changes a budget, and the buttons of a breaker.
import { h, mark, newId, say } from "./dom.js";
import { exact } from "./format.js";
import { Values } from "./values.js";

/**
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./session.js").Problem} Problem
 * @typedef {import("./state.js").Budget} Budget
 * @typedef {import("./state.js").Breaker} Breaker
 */

/** What can be changed by a number: its name in the API, its label, what it means. */
const numbers = /** @type {const} */ ([
  ["ratio", "Ratio", "retries paid for by each success: 0.1 is 10 %, 0 none"],
  ["floor", "Floor", "retries per second paid for when the bank is empty, 0 none"],
  ["burst", "Burst", "tokens the bank can hold"],
]);

/** outcome puts what became of a change into words. @param {{changes: {what: string, from: string, to: string}[]}} answer */
const outcome = ({ changes }) =>
  changes.length ? "Changed: " + changes.map((c) => `${c.what} ${c.from} → ${c.to}`).join(", ") + "." : "Nothing was different.";

/** Input is one number of the form. It follows what is in force until somebody types into it. */
class Input {
  /** @param {typeof numbers[number]} of */
  constructor([key, label, hint]) {
    this.key = key;
    this.field = `budget.${key}`;
    this.inForce = NaN; // until it is known
    const id = newId(key);
    this.error = h("p", { class: "error", id: `${id}-error`, role: "alert" });
    this.known = h("span", { class: "known" });
    this.input = h("input", { id, name: key, type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": `${id}-hint ${id}-error`, oninput: () => this.typed() });
    this.element = h("div", { class: "setting" }, h("label", { for: id }, label), this.input, this.known,
      h("p", { class: "hint", id: `${id}-hint` }, hint), this.error);
  }

  /** @param {number} value */
  show(value) {
    const dirty = this.dirty;
    this.inForce = value;
    if (!dirty && this.input.value !== exact(value)) this.input.value = exact(value);
    this.typed();
  }

  typed() {
    say(this.known, this.dirty ? `in force: ${exact(this.inForce)}` : "");
  }

  get dirty() {
    return !Number.isNaN(this.inForce) && this.input.value.trim() !== exact(this.inForce);
  }

  revert() {
    this.input.value = exact(this.inForce);
    this.fail("");
    this.typed();
  }

  /** The number, or NaN. */
  get value() {
    const text = this.input.value.trim();
    return text === "" ? NaN : Number(text);
  }

  /** @param {string} message "" for none */
  fail(message) {
    say(this.error, message);
    mark(this.input, "aria-invalid", message ? "true" : null);
  }
}

/** Tuning changes a pipeline's budget. */
export class Tuning {
  /** @param {string} pipeline its name @param {Session} session */
  constructor(pipeline, session) {
    this.pipeline = pipeline;
    this.session = session;
    this.inputs = numbers.map((of) => new Input(of));
    const id = newId("shadow");
    this.shadow = h("input", { id, type: "checkbox", name: "shadow", "aria-describedby": `${id}-hint`, oninput: () => (this.shadowTouched = true) });
    this.shadowTouched = false;
    this.shadowInForce = false;
    this.busy = false; // a change is under way
    this.errors = h("div", { class: "errors", role: "alert" });
    this.result = h("p", { class: "result", role: "status" });
    this.why = h("p", { class: "why", id: newId("why") });
    this.fields = h("fieldset", { "aria-describedby": this.why.id }, h("legend", {}, `Budget of ${pipeline}`),
      ...this.inputs.map((i) => i.element),
      h("div", { class: "setting of-shadow" }, h("label", { class: "check", for: id }, this.shadow, " Shadow"),
        h("p", { class: "hint", id: `${id}-hint` }, "count what would be refused, and let it pass")),
      h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Apply"),
        h("button", { type: "button", onclick: () => this.revert() }, "Revert")));
    this.values = new Values(`Budget of ${pipeline}`);
    this.element = h("form", { class: "tuning", novalidate: true, "aria-label": `Tune ${pipeline}`, onsubmit: (/** @type {Event} */ e) => void this.submit(e) },
      this.why, this.values.element, this.fields, this.errors, this.result);
  }

  /** show follows what is in force. @param {Budget|undefined} budget */
  show(budget) {
    const { canTune, why, who } = this.session;
    say(this.why, canTune ? `Changes take effect at once, and are logged${who ? ` under “${who}”` : ""}. They last until the program, or the file that it follows, sets other stages.` : `Read-only. ${why}`);
    mark(this.element, "data-readonly", canTune ? null : "");
    this.fields.hidden = !budget || !canTune;
    this.values.element.hidden = !budget || canTune;
    if (!budget) return;
    this.values.set("Ratio", exact(budget.ratio));
    this.values.set("Floor", budget.floor ? `${exact(budget.floor)}/s` : "none");
    this.values.set("Burst", exact(budget.burst));
    this.values.set("Shadow", budget.shadow ? "on: it refuses no retry" : "off");
    this.inputs.forEach((i) => i.show(budget[i.key]));
    if (this.shadowTouched && this.shadow.checked === budget.shadow) this.shadowTouched = false;
    this.shadowInForce = budget.shadow;
    if (!this.shadowTouched) this.shadow.checked = budget.shadow;
  }

  revert() {
    this.inputs.forEach((i) => i.revert());
    this.shadowTouched = false;
    this.shadow.checked = this.shadowInForce;
    this.fail([]);
    say(this.result, "");
  }

  /** @param {Event} e */
  async submit(e) {
    e.preventDefault();
    /** @type {Record<string, number|boolean>} */
    const budget = {};
    /** @type {Problem[]} */
    const errors = [];
    for (const i of this.inputs) {
      if (!i.dirty) continue;
      if (Number.isFinite(i.value)) budget[i.key] = i.value;
      else errors.push({ field: i.field, message: `${this.pipeline}: ${i.field} is ${JSON.stringify(i.input.value)}; want a number, such as ${exact(i.inForce)}` });
    }
    if (this.shadow.checked !== this.shadowInForce) budget.shadow = this.shadow.checked;
    if (errors.length || !Object.keys(budget).length) {
      this.fail(errors);
      say(this.result, errors.length ? "" : "Nothing to change: these values are in force.");
      return;
    }
    await this.send({ budget });
  }

  /** send asks for a change of this pipeline, and says what came of it. @param {object} change */
  async send(change) {
    if (this.busy) return; // and the fields stay enabled meanwhile: a disabled one would lose the focus
    this.busy = true;
    say(this.result, "Sending…");
    const answer = await this.session.tune({ pipeline: this.pipeline, ...change });
    this.busy = false;
    this.fail(answer.errors);
    say(this.result, answer.errors.length ? "" : outcome(answer));
    if ("budget" in change && !answer.errors.length) this.applied(/** @type {any} */ (change.budget));
  }

  /** applied takes what was accepted for what is in force, until the stream says so. @param {Partial<Budget>} budget */
  applied(budget) {
    for (const i of this.inputs) {
      const value = budget[i.key];
      if (value === undefined) continue;
      i.inForce = value;
      i.revert();
    }
    if (budget.shadow !== undefined) this.shadowInForce = budget.shadow;
    this.shadowTouched = false;
  }

  /** fail shows each error at the field it names, and the others below. @param {Problem[]} errors */
  fail(errors) {
    for (const i of this.inputs) i.fail(errors.filter((e) => e.field === i.field).map((e) => e.message).join("\n"));
    const rest = errors.filter((e) => !this.inputs.some((i) => e.field === i.field));
    this.errors.replaceChildren(...rest.map((e) => h("p", { class: "error" }, e.message)));
    (this.inputs.find((i) => i.input.getAttribute("aria-invalid"))?.input ?? null)?.focus();
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
