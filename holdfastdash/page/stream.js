// @ts-check
// The stream of frames, and what to say while there is none.
import { duration } from "./format.js";

/** How long to wait before asking again where the browser does not by itself (after a refusal). */
const again = 3000;

/** Stream listens to ./events for as long as the page is open. */
export class Stream {
  /** @param {Record<string, (frame: any) => void>} handlers by the name of the event */
  constructor(handlers) {
    this.handlers = handlers;
    this.lost = false; // the connection
    this.heard = 0; // when, by performance.now; 0: never
    this.heardAt = 0; // the same by the reader's clock
    this.interval = 1; // seconds between frames, as the last hello said
    this.open();
  }

  open() {
    const source = new EventSource("events");
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (e) => {
        this.heard = performance.now();
        this.heardAt = Date.now();
        handle(JSON.parse(e.data));
      });
    }
    // The browser tries again by itself after a lost connection, but gives up after an answer
    // that is no stream: a proxy's error page, or too many viewers.
    source.addEventListener("error", () => {
      this.lost = true;
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.open(), again);
    });
    source.addEventListener("open", () => {
      this.lost = false;
    });
  }

  /**
   * state says how the stream stands: "live", "connecting", or "stale" if what is on the page is old.
   * @returns {{state: "live"|"connecting"|"stale", text: string}}
   */
  state() {
    if (!this.heard) return this.lost ? { state: "connecting", text: "no connection yet, trying again…" } : { state: "connecting", text: "connecting…" };
    const silent = (performance.now() - this.heard) / 1000;
    if (!this.lost && silent < 3 * this.interval + 1) return { state: "live", text: "live" };
    return { state: "stale", text: `${this.lost ? "reconnecting…" : "nothing heard,"} last data ${duration(Math.round(silent))} ago` };
  }
}
