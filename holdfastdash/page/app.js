// @ts-check
// The page: it listens to the program's stream and draws what it hears.
import { byId, mark, say } from "./dom.js";
import { files } from "./files.js";
import { Fleets } from "./fleets.js";
import { count, number } from "./format.js";
import { headline } from "./headline.js";
import { List } from "./list.js";
import { Announcer, Log } from "./log.js";
import { Session } from "./session.js";
import { Fleet } from "./state.js";
import { Stream } from "./stream.js";

const fleet = new Fleet();
const session = new Session();
const announcer = new Announcer();
const log = new Log(announcer, session);
const list = new List(fleet, session);
const fleets = new Fleets(fleet, session, announcer);
let pausedAt = 0; // by the reader's clock, in milliseconds; 0 if the page follows

const stream = new Stream({
  hello(frame) {
    fleet.hello(frame);
    stream.interval = fleet.interval;
    list.hello();
    fleets.hello();
    void log.load();
    list.reload();
    connection();
    void session.load(); // again after each connection: the program may be another one
  },
  tick(frame) {
    const start = performance.now();
    fleet.tick(frame);
    if (!pausedAt) refresh();
    // For whoever measures: how long a tick takes. Only the last is kept.
    performance.clearMeasures("tick");
    performance.measure("tick", { start });
  },
  change(frame) {
    fleet.change(frame);
    log.add(frame);
    list.reload(frame.pipelines ?? []);
  },
  files(frame) {
    fleet.files = frame;
    connection();
    list.reload();
  },
});

function refresh() {
  list.judge();
  list.draw();
  fleets.draw();
  summary();
}

/** summary is the first thing to be read. */
function summary() {
  const troubled = new Map();
  let watched = 0;
  for (const v of list.views.values()) {
    if (v.verdict.level === "trouble") troubled.set(v.pipeline.name, v.verdict.word.toLowerCase());
    if (v.verdict.level === "watch") watched++;
  }
  const { state } = stream.state();
  files(fleet.files, fleet.time);
  log.date(fleet.time || Date.now());
  headline({ state, lost: stream.lost, heardAt: stream.heardAt },
    { title: fleet.title, pipelines: fleet.pipelines.length, troubled: troubled.size, watched, pausedAt });
  say(byId("foot"), [
    `a sample every ${number(fleet.interval)} s`,
    `${count(fleet.dropped, "frame")} dropped`,
    fleet.viewers ? count(fleet.viewers, "viewer") : "",
    session.canTune ? `you may turn every number${session.who ? `, logged under “${session.who}”` : ""}` : "read-only",
  ].filter(Boolean).join(" · "));
  if (state === "live") announcer.standings(troubled, list.views);
}

/** connection says whether what is shown is true now. */
function connection() {
  const { state, text } = stream.state();
  const link = byId("link");
  const was = link.dataset.state;
  mark(link, "data-state", state);
  const dropped = fleet.dropped ? `, ${count(fleet.dropped, "frame")} dropped` : "";
  say(link, `${pausedAt ? "paused; " : ""}${text}${dropped}`);
  document.body.toggleAttribute("data-stale", state === "stale");
  fleet.live = state === "live" && !pausedAt;
  summary();
  if (was === state) return;
  list.draw(); // the end of the charts is "now", or is not
  if (was === "live" && state === "stale") announcer.tell("The connection is lost; the figures are old.");
  if (was === "stale" && state === "live") announcer.tell("The connection is back; the figures are live.");
}

byId("pause").addEventListener("click", () => {
  pausedAt = pausedAt ? 0 : Date.now();
  mark(byId("pause"), "aria-pressed", String(pausedAt > 0));
  connection();
  if (pausedAt) list.draw();
  else refresh();
});

session.addEventListener("change", () => {
  document.body.toggleAttribute("data-readonly", !session.canTune);
  list.draw();
  fleets.draw();
  summary();
});

// "/" is the key for search, unless it is being typed into something.
document.addEventListener("keydown", (e) => {
  const typing = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement;
  if (e.key !== "/" || typing || e.ctrlKey || e.metaKey || e.altKey) return;
  e.preventDefault();
  byId("search").focus();
});

setInterval(connection, 500);
