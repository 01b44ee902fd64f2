/** The voice: a searchable list, grouped by language. */

import { call } from "./api.js";
import { byId, make, say, showError } from "./dom.js";
import { announce, order } from "./order.js";
import { language } from "./plain.js";
import { showTrouble } from "./trouble.js";

/** @typedef {{name: string, language: string, gender: string, description: string, group: string}} Voice */

/** @type {Voice[]} */
let voices = [];
/** @type {HTMLElement[]} */
let options = [];
let active = -1;

export function setUpVoices() {
  const input = byId("voice");
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => open(""));
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", close);
  byId("voice-list").addEventListener("mousedown", (/** @type {Event} */ event) => event.preventDefault());
}

export async function loadVoices() {
  try {
    take((await call("GET", "/v1/voices")).data);
    showError("voice", "");
  } catch (error) {
    if (/** @type {any} */ (error).status !== 401) showTrouble("voice", error, loadVoices);
  }
}

/** @param {any[]} data */
function take(data) {
  voices = data.map((/** @type {Voice} */ voice) => ({
    ...voice,
    group: language(voice.language, voice.description.replace(/ \(.*/, "")),
  }));
  const own = language(navigator.language, "");
  const rank = (/** @type {Voice} */ voice) => (voice.group === own ? 0 : voice.group === "English" ? 1 : 2);
  voices.sort(
    (a, b) => rank(a) - rank(b) || a.group.localeCompare(b.group) || a.description.localeCompare(b.description),
  );
  byId("voice").value = current()?.description ?? order.voice;
}

/** @returns {Voice | undefined} */
export function current() {
  return voices.find((voice) => voice.name === order.voice);
}

/** @param {string} search */
function open(search) {
  const wanted = search.trim().toLowerCase();
  const shown = voices.filter((voice) =>
    [voice.group, voice.description, voice.name].some((text) => text.toLowerCase().includes(wanted)),
  );
  const list = byId("voice-list");
  list.replaceChildren(...grouped(shown));
  if (!shown.length) list.append(make("div", { class: "none", text: "No voice of that name", role: "option", "aria-disabled": "true" }));
  options = [...list.querySelectorAll("[data-voice]")];
  list.hidden = false;
  byId("voice").setAttribute("aria-expanded", "true");
  activate(wanted ? 0 : options.findIndex((option) => option.dataset.voice === order.voice));
  if (wanted) say(shown.length === 1 ? "One voice" : `${shown.length} voices`);
}

/** @param {Voice[]} shown */
function grouped(shown) {
  const several = new Set(voices.map((voice) => voice.gender)).size > 1;
  return [...new Set(shown.map((voice) => voice.group))].map((group, index) => {
    const title = make("div", { class: "group", id: `voice-group-${index}`, text: group, role: "presentation" });
    const rows = shown.filter((voice) => voice.group === group).map((voice) => option(voice, several));
    return make("div", { role: "group", "aria-labelledby": title.id }, title, ...rows);
  });
}

/** @param {Voice} voice @param {boolean} withGender */
function option(voice, withGender) {
  const about = withGender ? `${voice.gender} · ${voice.name}` : voice.name;
  return make(
    "div",
    {
      role: "option",
      id: `voice-${voice.name}`,
      "data-voice": voice.name,
      "aria-selected": String(voice.name === order.voice),
      onclick: () => choose(voice),
    },
    make("span", { text: voice.description }),
    make("small", { text: about }),
  );
}

/** @param {number} index */
function activate(index) {
  options[active]?.classList.remove("active");
  active = index;
  const option = options[index];
  option?.classList.add("active");
  option?.scrollIntoView({ block: "nearest" });
  if (option) byId("voice").setAttribute("aria-activedescendant", option.id);
  else byId("voice").removeAttribute("aria-activedescendant");
}

/** @param {Voice} voice */
function choose(voice) {
  setVoice(voice.name);
  announce("changed");
}

/** @param {string} name */
export function setVoice(name) {
  order.voice = name;
  close();
}

function close() {
  byId("voice-list").hidden = true;
  byId("voice").setAttribute("aria-expanded", "false");
  byId("voice").removeAttribute("aria-activedescendant");
  byId("voice").value = current()?.description ?? order.voice;
  active = -1;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const isOpen = !byId("voice-list").hidden;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!isOpen) open("");
    else activate((active + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length);
  } else if (event.key === "Enter") {
    event.preventDefault(); // never sends the form
    const name = options[active]?.dataset.voice;
    const voice = voices.find((one) => one.name === name);
    if (isOpen && voice) choose(voice);
    else if (!isOpen) open("");
  } else if (event.key === "Escape" && isOpen) {
    event.preventDefault();
    close();
  }
}
