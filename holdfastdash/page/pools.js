// @ts-check
// The budgets whose tokens a fleet shares.
import { h, say } from "./dom.js";
import { exact, number, percent } from "./format.js";
import { long, Table } from "./tables.js";

/** @typedef {{name: string, level: number, leased: number, given: number, lost?: number, refused: number, floor_share: number, why?: string}} Pool */

export class Pools {
  constructor() {
    this.table = new Table("Budgets that the fleet shares", ["budget", "tokens in the fleet's bucket", "this pod got", "it gave", "it refused", "its part of the floor"], "pools");
    this.troubles = h("ul", { class: "whys", "aria-label": "What the store says about shared budgets" });
    this.element = h("div", { class: "pools-box", hidden: true }, this.table.element, this.troubles);
  }

  /** @param {Pool[]} all */
  draw(all) {
    this.element.hidden = all.length === 0;
    const rows = this.table.fit(all.length);
    all.forEach((p, i) => {
      const [name, level, got, gave, refused, floor] = rows[i];
      long(name, p.name);
      say(level, number(p.level));
      say(got, exact(p.leased));
      say(gave, exact(p.given) + (p.lost ? `, ${exact(p.lost)} without an answer` : ""));
      say(refused, p.refused ? `${number(p.refused)} retries` : "no retry");
      say(floor, p.floor_share ? percent(p.floor_share) : "none");
    });
    const bad = all.filter((p) => p.why);
    while (this.troubles.childElementCount > bad.length) this.troubles.lastElementChild.remove();
    while (this.troubles.childElementCount < bad.length) this.troubles.append(h("li"));
    bad.forEach((p, i) => say(this.troubles.children[i], `${p.name}: the store says ${p.why}`));
  }
}
