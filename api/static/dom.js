/** The page's elements: find them, make them, speak through them. */

/** @param {string} id @returns {any} The element; a missing one is a mistake of ours. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `text` is its text, `onclick` and such are listeners
 * @param {...Node} children
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** @param {string} name of a symbol of the page */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  made.append(use);
  return made;
}

/** Tell people who listen to the page. @param {string} text */
export function say(text) {
  byId("live").textContent = text;
}

/**
 * Put an error below its field, or take it and its button away with an empty text.
 * @param {string} field id of what is wrong; `${field}-error` shows the text
 * @param {string} text
 */
export function showError(field, text) {
  const place = byId(`${field}-error`);
  place.textContent = text;
  if (place.nextElementSibling?.matches(".retry")) place.nextElementSibling.remove();
  const input = document.getElementById(field);
  if (input?.matches("input, textarea, select")) {
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

const MARKS = { good: "check", warn: "warn", bad: "stopsign" };

/**
 * @param {string} id of a list
 * @param {{kind: "good" | "warn" | "bad" | "busy", text: string}[]} findings
 */
export function showFindings(id, findings) {
  const rows = findings.map(({ kind, text }) => {
    const row = make("li", { class: kind });
    if (kind !== "busy") row.append(icon(MARKS[kind]));
    row.append(make("span", { text }));
    return row;
  });
  byId(id).replaceChildren(...rows);
}

/** @param {() => void} act @param {number} ms after the last call */
export function debounced(act, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(act, ms);
  };
}

/** @param {string} name @returns {string} The chosen value of a group of radio buttons. */
export function chosen(name) {
  return /** @type {HTMLInputElement} */ (document.querySelector(`[name="${name}"]:checked`)).value;
}

/** @param {string} name of a group of radio buttons @param {string} value */
export function choose(name, value) {
  const input = /** @type {HTMLInputElement} */ (document.querySelector(`[name="${name}"][value="${value}"]`));
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** As if somebody typed it. @param {string} id @param {any} value */
export function fill(id, value) {
  const field = byId(id);
  if (field.type === "checkbox") field.checked = value;
  else field.value = value ?? "";
  if (field.matches("select") && field.selectedIndex < 0) field.append(new Option(value, value, true, true));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** @param {string} id @param {ScrollLogicalPosition} block */
export function scrollTo(id, block) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId(id).scrollIntoView({ block, behavior: still ? "instant" : "smooth" });
}

/**
 * Take files that are chosen or dropped.
 * @param {string} input id of a file field
 * @param {string} zone id of where files may be dropped
 * @param {(file: File) => void} take
 */
export function takeFiles(input, zone, take) {
  const field = byId(input);
  field.addEventListener("change", () => {
    if (field.files.length) take(field.files[0]);
    field.value = ""; // the same file may be chosen again
  });
  const area = byId(zone);
  for (const name of ["dragenter", "dragover"]) {
    area.addEventListener(name, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    area.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}
