// @ts-check
// Making elements. Data only ever becomes text or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {Element} e
 * @param {Record<string, any>} attrs on… is a listener; true and false set and leave out an attribute
 * @param {(Node|string|null|undefined)[]} children
 */
function fill(e, attrs, children) {
  for (const [name, value] of Object.entries(attrs)) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value != null) e.setAttribute(name, String(value));
  }
  for (const child of children) if (child != null) e.append(child);
  return e;
}

/**
 * h makes an HTML element.
 * @param {string} tag
 * @param {Record<string, any>} [attrs]
 * @param {...(Node|string|null|undefined)} children
 * @returns {any}
 */
export function h(tag, attrs = {}, ...children) {
  return fill(document.createElement(tag), attrs, children);
}

/**
 * svg makes an SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [attrs]
 * @param {...(Node|string|null|undefined)} children
 * @returns {any}
 */
export function svg(tag, attrs = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attrs, children);
}

/**
 * say sets a text, and leaves the document alone if it is there already.
 * @param {Node} e
 * @param {string} text
 */
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/**
 * mark sets an attribute, or removes it if the value is null, and leaves the document alone if nothing is different.
 * @param {Element} e
 * @param {string} name
 * @param {string|null} value
 */
export function mark(e, name, value) {
  if (value === null) e.removeAttribute(name);
  else if (e.getAttribute(name) !== value) e.setAttribute(name, value);
}

/** byId returns an element of index.html. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

let ids = 0;

/** newId returns an id that no other element has. @param {string} what */
export const newId = (what) => `${what}-${++ids}`;
