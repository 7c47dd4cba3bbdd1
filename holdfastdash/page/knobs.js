// @ts-check
// The numbers of a pipeline's stages: each with its value, where it comes from, and a field to turn it.
import { h, mark, newId, say } from "./dom.js";

/**
 * @typedef {{file?: string, line?: number, source: string}} Origin
 * @typedef {{kind: string, words?: string[], want: string, zero?: string, fixed?: string}} Turn
 * @typedef {{key: string, value: string, default?: string, doc: string, file?: {value: string, origin: Origin}, differs?: boolean, turn?: Turn}} Knob
 * @typedef {{pipeline: string, can_tune: boolean, file?: string, in_file: boolean, knobs: Knob[], patch?: string, differ?: number, problem?: string}} Told
 */

/** place says where a value comes from: "services.yaml:12, template critical". @param {Origin} o */
export function place(o) {
  if (!o.file) return o.source;
  return `${o.file}${o.line ? `:${o.line}` : ""}${o.source === "service" ? "" : `, ${o.source}`}`;
}

/** origin says it of a number as it is now. @param {Knob} k */
function origin(k) {
  if (k.differs && k.file) return `not as in the file: ${k.file.value} (${place(k.file.origin)})`;
  if (k.file) return place(k.file.origin);
  return k.value === k.default ? "default" : "set by code";
}

/** help is what a number does, and what it may be. @param {Knob} k */
function help(k) {
  const parts = [k.doc.replace(/\.?$/, ".")];
  if (k.turn) parts.push(`It may be ${k.turn.want}.`);
  if (k.turn?.zero) parts.push(`0: ${k.turn.zero}.`);
  if (k.default) parts.push(`Default: ${k.default.replaceAll("`", "")}.`);
  return parts.join(" ");
}

/** breakable is a name that may be broken after a dot or an underscore. @param {string} name */
const breakable = (name) => name.split(/(?<=[._])/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));

let lists = 0;

/** input makes the field that fits the kind of a number. @param {Knob} k @returns {{input: any, list: any}} */
function input(k) {
  const { kind, words = [], want } = /** @type {Turn} */ (k.turn);
  const choices = kind === "flag" ? ["true", "false", ...words] : words;
  if ((kind === "flag" || kind === "choice") && !want.includes("{")) {
    const all = choices.includes(k.value) ? choices : [k.value, ...choices];
    return { input: h("select", {}, ...all.map((w) => h("option", { value: w }, w))), list: null };
  }
  const list = choices.length ? h("datalist", { id: `words-${++lists}` }, ...choices.map((w) => h("option", { value: w }))) : null;
  const digits = (kind === "count" || kind === "number") && !choices.length;
  return { input: h("input", { type: "text", autocomplete: "off", spellcheck: "false", inputmode: digits ? "decimal" : null, list: list?.id }), list };
}

/** Field is one number. It follows what is in force until somebody types into it. */
class Field {
  /** @param {Knob} k @param {() => void} typed is told when somebody types */
  constructor(k, typed) {
    this.key = k.key;
    this.knob = k;
    this.base = k.value; // what stood here when somebody began to type
    const id = newId("knob");
    const made = k.turn && !k.turn.fixed ? input(k) : null;
    this.input = made?.input ?? null;
    this.value = h("output", { class: "value" });
    this.from = h("span", { class: "from", id: `${id}-from` });
    this.hint = h("p", { class: "hint", id: `${id}-hint` });
    this.moved = h("p", { class: "known", role: "status" });
    this.error = h("p", { class: "error", id: `${id}-error`, role: "alert" });
    const name = k.key.split(".").slice(1).join(".") || k.key;
    if (this.input) {
      this.input.id = id;
      this.input.name = k.key;
      mark(this.input, "aria-describedby", `${id}-from ${id}-hint ${id}-error`);
      this.input.value = k.value;
      this.input.addEventListener("input", () => {
        this.mark();
        typed();
      });
    }
    this.element = this.input
      ? h("div", { class: "knob" }, h("label", { for: id }, ...breakable(name)), this.input, made?.list, this.from, this.moved, this.error, this.hint)
      : h("div", { class: "knob fixed" }, h("span", { class: "label" }, ...breakable(name)), this.value, this.from, this.hint);
    this.show(k);
  }

  get dirty() {
    return this.input !== null && this.input.value.trim() !== this.base;
  }

  /** mark shows whether the field will change something. */
  mark() {
    this.element.toggleAttribute("data-dirty", this.dirty);
  }

  /** show takes what is in force now. What somebody has typed stays. @param {Knob} k */
  show(k) {
    const { dirty } = this;
    this.knob = k;
    say(this.value, k.value);
    say(this.from, origin(k));
    say(this.hint, help(k) + (k.turn?.fixed ? ` It cannot be turned here: ${k.turn.fixed}.` : ""));
    this.element.toggleAttribute("data-differs", k.differs === true);
    if (!dirty) {
      this.base = k.value;
      if (this.input) this.#put(k.value);
    }
    say(this.moved, dirty && k.value !== this.base ? `changed to ${k.value} meanwhile; it was ${this.base} when you began` : "");
    this.mark();
  }

  /** rebase starts from what is in force now, since its reader has seen it. */
  rebase() {
    this.base = this.knob.value;
    say(this.moved, this.dirty ? `in force: ${this.base}` : "");
  }

  revert() {
    this.base = this.knob.value;
    if (this.input) this.#put(this.base);
    this.fail("");
    say(this.moved, "");
    this.mark();
  }

  /** @param {string} value */
  #put(value) {
    if (this.input.value === value) return;
    if (this.input.tagName === "SELECT" && ![...this.input.options].some((o) => o.value === value)) this.input.append(h("option", { value }, value));
    this.input.value = value;
  }

  /** @param {string} message "" for none */
  fail(message) {
    say(this.error, message);
    if (this.input) mark(this.input, "aria-invalid", message ? "true" : null);
  }
}

/** Knobs are the fields of a pipeline, a group for each stage. */
export class Knobs {
  /** @type {Map<string, Field>} */
  fields = new Map();
  #shape = "";

  /** @param {string} pipeline @param {() => void} typed */
  constructor(pipeline, typed) {
    this.pipeline = pipeline;
    this.typed = typed;
    this.element = h("div", { class: "knobs" });
  }

  /** The fields into which somebody has typed. */
  get dirty() {
    return [...this.fields.values()].filter((f) => f.dirty);
  }

  /** show takes the numbers as they are. It makes fields anew only if there are others. @param {Told} told */
  show(told) {
    const shape = told.knobs.map((k) => `${k.key} ${k.turn ? k.turn.fixed ?? "turn" : ""}`).join("\n");
    if (shape !== this.#shape) this.#make(told, shape);
    for (const k of told.knobs) this.fields.get(k.key)?.show(k);
  }

  /** @param {Told} told @param {string} shape */
  #make(told, shape) {
    this.#shape = shape;
    const had = this.fields;
    this.fields = new Map();
    /** @type {Map<string, Field[]>} */
    const groups = new Map();
    for (const k of told.knobs) {
      const old = had.get(k.key);
      const same = old && (old.input !== null) === Boolean(k.turn && !k.turn.fixed);
      const f = same ? old : new Field(k, this.typed);
      this.fields.set(k.key, f);
      const stage = k.key.split(".")[0];
      groups.set(stage, [...(groups.get(stage) ?? []), f]);
    }
    const focused = document.activeElement;
    this.element.replaceChildren(...[...groups].map(([stage, all]) =>
      h("fieldset", {}, h("legend", {}, stage.replaceAll("_", " ")), ...all.map((f) => f.element))));
    if (this.element.contains(focused)) /** @type {any} */ (focused).focus(); // it was moved, which takes the focus away
  }
}
