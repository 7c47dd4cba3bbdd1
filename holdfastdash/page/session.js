// @ts-check
// Whether this reader may change anything, and the way a change is asked for.

/**
 * @typedef {object} Problem one thing that is wrong with a change
 * @property {string} [field] the key of the change whose value is wrong, as "values.budget.ratio"
 * @property {string} message
 */

/** @param {string} message */
const refused = (message) => ({ told: {}, errors: [{ message }] });

/** Session is the reader's, as ./session tells it. */
export class Session extends EventTarget {
  canTune = false;
  who = "";
  why = "It is not known yet whether you may change anything.";
  #token = "";

  /** load asks, and says so by a "change" event. It never throws: why says what went wrong. */
  async load() {
    try {
      const answer = await fetch("session", { cache: "no-store", credentials: "same-origin" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const told = await answer.json();
      this.canTune = told.can_tune === true;
      this.who = told.who ?? "";
      this.why = told.why ?? "";
      this.#token = told.token ?? "";
    } catch (err) {
      this.canTune = false;
      this.why = `Whether you may change anything is unknown: ${err instanceof Error ? err.message : err}.`;
    }
    this.dispatchEvent(new Event("change"));
  }

  /**
   * tune asks for a change. It returns what became different, or what is wrong, in the program's words.
   * @param {object} change as ./tune wants it
   * @returns {Promise<{changes: {what: string, from: string, to: string}[], errors: Problem[]}>}
   */
  async tune(change) {
    const { told, errors } = await this.#ask("tune", change);
    return { changes: told.changes ?? [], errors };
  }

  /**
   * knobs asks for the numbers of a pipeline.
   * @param {string} pipeline
   * @returns {Promise<{told: import("./knobs.js").Told|null, problem: string}>}
   */
  async knobs(pipeline) {
    try {
      const answer = await fetch(`knobs?pipeline=${encodeURIComponent(pipeline)}`, { cache: "no-store", credentials: "same-origin" });
      const told = await answer.json();
      if (answer.ok) return { told, problem: "" };
      return { told: null, problem: told.errors?.[0]?.message ?? `The numbers were refused, with status ${answer.status}.` };
    } catch {
      return { told: null, problem: "The numbers could not be had; they are asked for again once the page is live." };
    }
  }

  /** changes asks for the last changes, the newest first; null if that fails. @returns {Promise<import("./state.js").Change[]|null>} */
  async changes() {
    try {
      const answer = await fetch("changes", { cache: "no-store", credentials: "same-origin" });
      return answer.ok ? (await answer.json()).changes : null;
    } catch {
      return null; // the next hello asks again
    }
  }

  /**
   * order gives an order for all pods of a fleet. It returns what is wrong.
   * @param {object} order as ./fleet wants it
   * @returns {Promise<Problem[]>}
   */
  async order(order) {
    return (await this.#ask("fleet", order)).errors;
  }

  /** @param {string} path @param {object} body @returns {Promise<{told: any, errors: Problem[]}>} */
  async #ask(path, body) {
    let answer;
    try {
      answer = await fetch(path, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", "Holdfast-Token": this.#token },
        body: JSON.stringify(body),
      });
    } catch {
      return refused("The program could not be reached. Whether the change was made is not known; see what is in force once the page is live again.");
    }
    if (answer.status === 403) void this.load(); // the program may have been restarted, and knows the token no more
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return { told, errors: [] };
    return told.errors?.length ? { told: {}, errors: told.errors } : refused(`The change was refused, with status ${answer.status}.`);
  }
}
