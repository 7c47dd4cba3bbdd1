// @ts-check
// Tables, which become a list of boxes where there is no room for columns.
import { h, mark, say } from "./dom.js";

/** Table has a caption, columns, and rows whose first cell is their head. */
export class Table {
  /** @param {string} caption @param {string[]} heads @param {string} [kind] a class */
  constructor(caption, heads, kind = "") {
    this.heads = heads;
    this.body = h("tbody", { role: "rowgroup" });
    // The roles are said, since a table that is laid out as boxes has none by itself.
    this.element = h("table", { class: kind, role: "table" }, h("caption", {}, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads.map((t) => h("th", { scope: "col", role: "columnheader" }, t)))), this.body);
  }

  /** add adds a row. @param {...(Node|string)} cells @returns {{row: any, cells: any[]}} */
  add(...cells) {
    const made = cells.map((cell, i) => i === 0
      ? h("th", { scope: "row", role: "rowheader" }, cell)
      : h("td", { role: "cell", "data-label": this.heads[i] }, cell));
    const row = h("tr", { role: "row" }, ...made);
    this.body.append(row);
    return { row, cells: made };
  }

  /** rename gives a column another head. @param {number} i @param {string} head */
  rename(i, head) {
    if (this.heads[i] === head) return;
    this.heads[i] = head;
    say(this.element.tHead.rows[0].cells[i], head);
    for (const row of this.body.rows) mark(row.cells[i], "data-label", head);
  }

  /** fit gives the table so many rows. Without any it is hidden. @param {number} rows @returns {any[][]} their cells */
  fit(rows) {
    this.element.hidden = rows === 0;
    while (this.body.rows.length > rows) this.body.deleteRow(-1);
    while (this.body.rows.length < rows) this.add(...this.heads.map(() => ""));
    return [...this.body.rows].map((row) => [...row.cells]);
  }
}

/** long shows a name that may be too long for its place: it ends in "…" there, and is whole in its title. @param {Element} e @param {string} name */
export function long(e, name) {
  if (e.textContent !== name) e.textContent = name;
  mark(e, "title", name);
}
