// @ts-check
// How the configuration files stand: a file that is refused is a thing to know, though nothing fails yet.
import { byId, h } from "./dom.js";
import { moment, since } from "./format.js";

/** @typedef {{path: string, read_unix_ms: number, applied_unix_ms: number, refused_unix_ms?: number, problems?: string[], more?: number, ended?: boolean}} File */

let shown = "";

/** files shows what is the matter with them. @param {File[]} all @param {number} now */
export function files(all, now) {
  const bad = all.filter((f) => f.refused_unix_ms || f.ended);
  const minute = Math.floor(now / 60_000);
  const is = JSON.stringify([bad, bad.length ? minute : 0]);
  if (is === shown) return;
  shown = is;
  const strip = byId("files");
  strip.hidden = bad.length === 0;
  strip.replaceChildren(...bad.map((f) => (f.refused_unix_ms ? refused(f, now) : ended(f))));
}

/** @param {File} f @param {number} now */
function refused(f, now) {
  const more = f.more ? [h("li", {}, `and ${f.more} more`)] : [];
  return h("div", { class: "file" },
    h("p", {}, h("strong", {}, `${f.path} is refused`), ` ${since(f.refused_unix_ms ?? 0, now)}. The last good one, of ${moment(f.applied_unix_ms, now)}, stays in force; the program could not start with this one.`),
    h("ul", {}, ...(f.problems ?? []).map((p) => h("li", {}, p)), ...more));
}

/** @param {File} f */
const ended = (f) => h("p", { class: "file" }, h("strong", {}, `${f.path} is not followed any more`), ": a change of it goes unnoticed.");
