// @ts-check
// The form that gives orders for all pods of a fleet.
import { h, mark, newId, say } from "./dom.js";
import { count } from "./format.js";

/**
 * @typedef {import("./session.js").Problem} Problem
 * @typedef {import("./fleets.js").Member} Member
 */

/** For how long an order may hold: seconds, and their words. */
const times = /** @type {const} */ ([
  [300, "5 minutes"],
  [900, "15 minutes"],
  [1800, "30 minutes"],
  [3600, "1 hour"],
  [14400, "4 hours"],
  [86400, "24 hours"],
]);

const usual = 1800;

/** Field is one of the form's, with its label, its hint and its error. */
class Field {
  /** @param {string} key of the order @param {string} label @param {string} hint @param {any} input */
  constructor(key, label, hint, input) {
    this.key = key;
    this.input = input;
    const id = newId(key);
    input.id = id;
    mark(input, "aria-describedby", `${id}-hint ${id}-error`);
    this.error = h("p", { class: "error", id: `${id}-error`, role: "alert" });
    this.element = h("div", { class: `of-${key}` }, h("label", { for: id }, label), input, h("p", { class: "hint", id: `${id}-hint` }, hint), this.error);
  }

  get value() {
    return this.input.value.trim();
  }

  /** @param {string} message "" for none */
  fail(message) {
    say(this.error, message);
    mark(this.input, "aria-invalid", message ? "true" : null);
  }
}

const text = (/** @type {Record<string, any>} */ attrs) => h("input", { type: "text", autocomplete: "off", ...attrs });

/** Orders is the form of one service. */
export class Orders {
  /** @param {string} fleet @param {string} service @param {import("./session.js").Session} session */
  constructor(fleet, service, session) {
    this.fleet = fleet;
    this.service = service;
    this.session = session;
    this.busy = false; // an order is under way
    this.pods = 0;
    /** What is asked again before it is ordered. */
    this.asked = "";
    this.why = new Field("why", "Why", "for the log, and for the readers of this page", text({ name: "why", maxlength: 256, required: true }));
    this.for = new Field("for_seconds", "Ends after", "by itself; a reset is done at once, by pods that come later as well",
      h("select", { name: "for" }, ...times.map(([seconds, label]) => h("option", { value: seconds, selected: seconds === usual }, label))));
    this.ratio = new Field("ratio", "Ratio", "tokens that a call deposits: 0.1 is 10 %, 0 none", text({ name: "ratio", inputmode: "decimal" }));
    this.by = new Field("by", "Your name", "for the log", text({ name: "by", maxlength: 128 }));
    const button = (/** @type {string} */ label, /** @type {string} */ name, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", "aria-label": name, onclick }, label);
    this.isolate = button("Isolate…", `Isolate ${service} in all pods…`, () => this.ask("isolate"));
    this.reset = button("Reset…", `Reset ${service} in all pods…`, () => this.ask("reset"));
    this.tune = button("Set ratio", `Set ratio of the budget of ${service} in all pods`, () => void this.send({ order: "tune", ratio: Number(this.ratio.value) }));
    this.free = button("Withdraw isolation", `Withdraw isolation of ${service}`, () => void this.send({ order: "withdraw", kind: "isolate" }));
    this.untune = button("Withdraw ratio", `Withdraw ratio of the budget of ${service}`, () => void this.send({ order: "withdraw", kind: "tune" }));
    this.words = h("span");
    this.confirm = h("button", { type: "button", class: "danger", onclick: () => this.confirmed() });
    this.cancel = button("No", `No, do not order it for ${service}`, () => this.ask(""));
    this.question = h("p", { class: "question", hidden: true }, this.words, " ", this.confirm, " ", this.cancel);
    this.buttons = h("div", { class: "actions" }, this.isolate, this.reset, this.tune, this.free, this.untune);
    this.errors = h("div", { class: "errors", role: "alert" });
    this.result = h("p", { class: "result", role: "status" });
    this.element = h("form", { class: "order", novalidate: true, "aria-label": `Order for all pods: ${service}`, onsubmit: (/** @type {Event} */ e) => e.preventDefault() },
      h("div", { class: "fields" }, ...this.fields.map((f) => f.element)), this.buttons, this.question, this.errors, this.result);
  }

  get fields() {
    return [this.why, this.for, this.ratio, this.by];
  }

  focus() {
    this.why.input.focus();
  }

  /** @param {Member} m */
  show(m) {
    this.pods = m.pods;
    const inForce = new Set((m.orders ?? []).map((o) => o.kind));
    this.by.element.hidden = this.session.who !== "";
    this.hide(this.free, !inForce.has("isolate"));
    this.hide(this.untune, !inForce.has("tune"));
  }

  /** hide keeps the focus in the form. @param {any} button @param {boolean} hidden */
  hide(button, hidden) {
    if (hidden && document.activeElement === button) this.why.input.focus();
    button.hidden = hidden;
  }

  /** ask asks again, since an order is for every pod; "" asks no more. @param {"isolate"|"reset"|""} order */
  ask(order) {
    if (order && !this.complete(order)) return;
    const was = this.asked;
    this.asked = order;
    this.buttons.hidden = order !== "";
    this.question.hidden = order === "";
    const all = this.pods ? `all ${count(this.pods, "pod")}` : "all pods";
    say(this.words, order === "isolate" ? `Keep every call of ${this.service} out, in ${all}?` : `Close the breakers of ${this.service}, in ${all}?`);
    say(this.confirm, order === "isolate" ? "Isolate" : "Reset");
    mark(this.confirm, "aria-label", `${order === "isolate" ? "Isolate" : "Reset"} ${this.service} in all pods now`);
    if (order) this.cancel.focus();
    else (was === "reset" ? this.reset : this.isolate).focus();
  }

  confirmed() {
    const order = this.asked;
    this.ask("");
    void this.send({ order });
  }

  /** complete tells what is missing in the form. @param {string} order */
  complete(order) {
    /** @type {Problem[]} */
    const errors = [];
    if (this.why.value === "") errors.push({ field: "why", message: "want a reason" });
    if (this.session.who === "" && this.by.value === "") errors.push({ field: "by", message: "want your name" });
    const ratio = this.ratio.value === "" ? NaN : Number(this.ratio.value);
    if (order === "tune" && !Number.isFinite(ratio)) errors.push({ field: "ratio", message: "want a number, such as 0.1" });
    this.fail(errors);
    return errors.length === 0;
  }

  /** @param {{order: string, kind?: string, ratio?: number}} order */
  async send(order) {
    if (this.busy || !this.complete(order.order)) return;
    this.busy = true;
    say(this.result, "Sending…");
    const errors = await this.session.order({
      fleet: this.fleet, service: this.service, by: this.by.value, why: this.why.value,
      ...(order.order === "withdraw" ? {} : { for_seconds: Number(this.for.value) }), ...order,
    });
    this.busy = false;
    this.fail(errors);
    say(this.result, errors.length ? "" : "Ordered. The pods carry it out within a second or so.");
  }

  /** fail shows each error at the field it names, and the others below. @param {Problem[]} errors */
  fail(errors) {
    say(this.result, "");
    for (const f of this.fields) f.fail(errors.filter((e) => e.field === f.key).map((e) => e.message).join("\n"));
    const rest = errors.filter((e) => !this.fields.some((f) => e.field === f.key));
    this.errors.replaceChildren(...rest.map((e) => h("p", { class: "error" }, e.message)));
    this.fields.find((f) => f.input.getAttribute("aria-invalid"))?.input.focus();
  }
}
