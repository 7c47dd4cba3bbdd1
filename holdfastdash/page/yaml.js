// @ts-check
// What to write into the file, so that what was turned stays.
import { h, say } from "./dom.js";

export class Yaml {
  constructor() {
    this.summary = h("summary");
    this.text = h("pre", { tabindex: "0", "aria-label": "YAML" });
    this.copied = h("span", { role: "status" });
    this.copy = h("button", { type: "button", onclick: () => void this.take() }, "Copy");
    // A page that is not served over TLS, nor by this machine, gets no clipboard: the text can be selected.
    this.copy.hidden = !navigator.clipboard;
    this.problem = h("p", { class: "muted" });
    this.element = h("details", { class: "yaml", "aria-label": "Copy as YAML", hidden: true }, this.summary, this.text, h("p", { class: "actions" }, this.copy, this.copied), this.problem);
  }

  /** @param {import("./knobs.js").Told} told */
  show(told) {
    const { differ = 0, patch = "", problem = "" } = told;
    this.element.hidden = differ === 0;
    const file = told.file?.split(/[/\\]/).at(-1) ?? "the file";
    const those = differ === 1 ? "number that is" : "numbers that are";
    say(this.summary, `Copy as YAML: ${differ} ${those} not ${told.in_file ? `as in ${file}` : "the default"}`);
    if (this.text.textContent !== patch) say(this.copied, "");
    say(this.text, patch);
    say(this.problem, problem);
  }

  async take() {
    try {
      await navigator.clipboard.writeText(this.text.textContent);
      say(this.copied, "Copied.");
    } catch {
      say(this.copied, "The browser does not allow it; select the text instead.");
    }
  }
}
