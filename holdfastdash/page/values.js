// @ts-check
// What is set, for readers who may not change it: values, and no fields.
import { h, say } from "./dom.js";

/** Values are a list of names and values. */
export class Values {
  /** @type {Map<string, any>} */
  #cells = new Map();

  /** @param {string} label of the list */
  constructor(label) {
    this.element = h("dl", { class: "values", "aria-label": label });
  }

  /** @param {string} name @param {string} value */
  set(name, value) {
    let cell = this.#cells.get(name);
    if (!cell) {
      cell = h("dd");
      this.#cells.set(name, cell);
      this.element.append(h("div", {}, h("dt", {}, name), cell));
    }
    say(cell, value);
  }
}
