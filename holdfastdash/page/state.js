// @ts-check
// What the page knows: every pipeline's last minute, as the stream tells it.

/**
 * @typedef {{tokens: number, burst: number, ratio: number, floor: number, shadow: boolean, on: string, refused: number, shadow_refused: number}} Budget
 * @typedef {{name: string, state: string, retry_in_seconds?: number, failures: number, requests: number,
 *   unclassified?: number, slow?: number}} Breaker
 * @typedef {{stage: string, of: string, used: number, max: number, waiting: number, queue?: number, refused?: number, full: string, adaptive?: boolean}} Limit
 * @typedef {{all: number, open: number, names?: string[], no_room?: number}} Keys
 * @typedef {{rate: number, kinds: {what: string, rate: number, count: number}[], more?: number}} Unclassified
 * @typedef {{calls: number, attempts: number, good: number, amp?: number, p50_seconds?: number, p99_seconds?: number, live: number, draining?: boolean,
 *   denied?: Record<string, number>, refused?: Record<string, number>, budget?: Budget, breakers?: Breaker[], limits?: Limit[], keys?: Keys, unclassified?: Unclassified}} Sample
 * @typedef {{name: string, nth?: number, why?: string, by?: string, since_unix_ms?: number, probes?: number, need_successes?: number}} Outage of a breaker
 * @typedef {{window_seconds: number, calls: number, failed: number, refused: number, permanent?: number, reasons: Record<string, number>,
 *   unclassified?: string[], last_unix_ms: number}} Recent
 * @typedef {{what: string, message: string, verdict: string, reason?: string, count: number, rate: number, last_unix_ms: number}} Kind of errors
 * @typedef {{kinds: Kind[], more_kinds?: number, more_errors?: number}} Errors
 * @typedef {{breakers?: Outage[], recent?: Recent, errors?: Errors, heard_unix_ms?: number}} Latest what is known only as it is now
 * @typedef {{pipeline: string, key?: string, what?: string, from: string, to: string, origin?: import("./knobs.js").Origin, undo?: boolean}} Line
 * @typedef {{id?: number, unix_ms: number, pipelines?: string[], more_pipelines?: number, by?: string, who?: string, file?: string, what?: string,
 *   changes?: Line[], more?: number}} Change
 */

/** Pipeline is one of them: its name, its chain and its samples, oldest first, null where there was none. */
export class Pipeline {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.chain = "";
    /** @type {(Sample|null)[]} */
    this.samples = [];
    /** @type {Latest} */
    this.latest = {};
    /** When it was changed, for a mark on the charts. @type {number[]} */
    this.changed = [];
  }

  /** The newest sample. @returns {Sample|null} */
  get now() {
    return this.samples.at(-1) ?? null;
  }
}

/** told is a sample as it is sent: an empty one stands for none. @param {Sample|null} s @returns {Sample|null} */
const told = (s) => (s && "calls" in s ? s : null);

/** Fleet is all of them, and the state of the stream. */
export class Fleet {
  title = "Holdfast";
  interval = 1; // seconds between samples
  history = 60; // samples kept
  time = 0; // the program's, of the last frame, in milliseconds
  live = false; // what is known is how it stands now
  dropped = 0; // frames that this browser did not get
  viewers = 0;
  /** In the order of the last hello, which is what ticks count by. @type {Pipeline[]} */
  pipelines = [];
  /** The fleets that the program's pod is in. @type {import("./fleets.js").Told[]} */
  fleets = [];
  /** The configuration files that the program follows. @type {import("./files.js").File[]} */
  files = [];

  /**
   * hello starts anew, but knows the pipelines it had.
   * @param {any} frame
   */
  hello(frame) {
    const had = new Map(this.pipelines.map((p) => [p.name, p]));
    Object.assign(this, { title: frame.title, interval: frame.interval_seconds, history: frame.history, time: frame.unix_ms, dropped: frame.dropped ?? 0 });
    this.pipelines = (frame.pipelines ?? []).map((/** @type {any} */ of) => {
      const p = had.get(of.name) ?? new Pipeline(of.name);
      p.chain = of.chain;
      let last = /** @type {Sample|null} */ (null); // a null stands for the sample before it
      p.samples = (of.samples ?? []).map((/** @type {Sample|null} */ s) => told((last = s ?? last)));
      p.latest = of.latest ?? {};
      return p;
    });
    this.fleets = frame.fleets ?? [];
    this.files = frame.files ?? [];
  }

  /** tick adds a sample to every pipeline; what it leaves out stands as before. @param {any} frame */
  tick(frame) {
    Object.assign(this, { time: frame.unix_ms, dropped: frame.dropped ?? 0, viewers: frame.viewers ?? this.viewers });
    const samples = frame.samples ?? {};
    const missed = Math.min(frame.missed ?? 0, this.history);
    this.pipelines.forEach((p, i) => {
      for (let n = 0; n < missed; n++) p.samples.push(null);
      p.samples.push(samples[i] ? told(samples[i]) : p.now);
      p.latest = frame.latest?.[i] ?? p.latest;
      if (p.samples.length > this.history) p.samples.splice(0, p.samples.length - this.history);
    });
    for (const [i, change] of Object.entries(/** @type {Record<string, any>} */ (frame.fleets ?? {}))) {
      const of = this.fleets[Number(i)];
      of.head = change.head ?? of.head;
      Object.assign(of.members, change.members);
    }
  }

  /** change notes when pipelines were changed. @param {Change} c */
  change(c) {
    const names = new Set(c.pipelines ?? []);
    const oldest = c.unix_ms - this.history * this.interval * 1000;
    for (const p of this.pipelines) if (names.has(p.name)) p.changed = [...p.changed.filter((t) => t >= oldest), c.unix_ms];
  }
}
