// @ts-check
// The first thing to be read: how many pipelines are in trouble, and whether that is known at all.
import { byId, mark, say } from "./dom.js";
import { clock, count } from "./format.js";

/**
 * @typedef {{state: "live"|"connecting"|"stale", lost: boolean, heardAt: number}} Link  heardAt is the reader's clock, in milliseconds, 0 if nothing was heard
 * @typedef {{title: string, pipelines: number, troubled: number, watched: number, pausedAt: number}} Standing  pausedAt is 0 if the page follows
 */

/** standing is how the pipelines stand, in words. @param {Standing} s */
function standing(s) {
  const parts = [count(s.pipelines, "pipeline")];
  if (s.troubled) parts.push(`${s.troubled} in trouble`);
  if (s.watched) parts.push(`${s.watched} to watch`);
  if (!s.troubled && !s.watched && s.pipelines) parts.push("none in trouble");
  return parts.join(", ");
}

/**
 * words is the headline, its level, and what stands before the title. What is not known to be true now has no level,
 * and so no color: it may be anything by now.
 * @param {Link} link @param {Standing} s @returns {{text: string, level: string, mark: string}}
 */
function words(link, s) {
  if (!link.heardAt) {
    return link.lost
      ? { text: "No connection to the program: nothing is known yet", level: "unknown", mark: "no connection" }
      : { text: "Waiting for the first data", level: "unknown", mark: "" };
  }
  if (link.state !== "live") {
    return { text: `No connection since ${clock(link.heardAt)}, data may be old. Then: ${standing(s)}`, level: "unknown", mark: "no connection" };
  }
  if (s.pausedAt) return { text: `Paused at ${clock(s.pausedAt)}. Then: ${standing(s)}`, level: "unknown", mark: "paused" };
  return { text: standing(s), level: s.troubled ? "trouble" : s.watched ? "watch" : s.pipelines ? "well" : "unknown", mark: s.troubled ? String(s.troubled) : "" };
}

/** headline shows it. @param {Link} link @param {Standing} s */
export function headline(link, s) {
  const { text, level, mark: before } = words(link, s);
  say(byId("verdict"), text);
  mark(byId("verdict"), "data-level", level);
  say(byId("title"), s.title);
  document.title = before ? `(${before}) ${s.title}` : s.title;
}
