/** Step 3: how the video looks. */

import { upload } from "./api.js";
import { byId, choose, chosen, fill, showError, takeFiles } from "./dom.js";
import { announce, order } from "./order.js";
import { showTrouble } from "./trouble.js";

const WORDS = {
  rate: (/** @type {number} */ value) => (value === 1 ? "Normal" : `${Math.round(100 * value)} %`),
  pitch: (/** @type {number} */ value) => (value === 1 ? "Normal" : value < 1 ? "Lower" : "Higher"),
  head: (/** @type {number} */ value) => (value === 0 ? "Still" : value === 1 ? "Natural" : value < 1 ? "Calm" : "Lively"),
  expression: (/** @type {number} */ value) => (value === 1 ? "Natural" : value < 1 ? "Calm" : "Lively"),
};

export function setUpLook() {
  for (const name of ["aspect", "background", "captions"]) {
    for (const input of document.querySelectorAll(`[name=${name}]`)) input.addEventListener("change", changed);
  }
  for (const [name, words] of Object.entries(WORDS)) {
    const slider = byId(name);
    slider.addEventListener("input", () => {
      const text = words(Number(slider.value));
      byId(`${name}-out`).textContent = text;
      slider.setAttribute("aria-valuetext", text);
      announce("changed");
    });
  }
  for (const name of ["resolution", "fps", "renderer", "colour", "label", "label-position"]) byId(name).addEventListener("input", changed);
  takeFiles("backdrop-file", "look", takeBackdrop);
  changed();
}

function changed() {
  for (const part of document.querySelectorAll("[data-background]")) {
    /** @type {HTMLElement} */ (part).hidden = part.getAttribute("data-background") !== chosen("background");
  }
  keepLabelOffCaptions();
  announce("changed");
}

/** Captions that are drawn have the lower edge for themselves. */
function keepLabelOffCaptions() {
  const drawn = chosen("captions") === "burned";
  const place = byId("label-position");
  for (const option of place.options) option.disabled = drawn && option.value.startsWith("bottom");
  if (place.selectedOptions[0].disabled) place.value = place.value.replace("bottom", "top");
}

/** @param {File} file */
async function takeBackdrop(file) {
  const picture = /** @type {HTMLInputElement} */ (document.querySelector("[name=background][value=picture]"));
  picture.checked = true;
  changed();
  showError("backdrop", "");
  byId("backdrop-name").textContent = "Sending …";
  try {
    const kept = await upload(file);
    if (kept.kind !== "image") throw new Error("this is no picture: use a JPEG or PNG");
    setBackdrop(kept.id, file.name);
  } catch (error) {
    setBackdrop(null, "");
    showTrouble("backdrop", error, () => takeBackdrop(file));
  }
  changed();
}

/** @param {string | null} upload @param {string} name */
function setBackdrop(upload, name) {
  order.backdrop = upload;
  byId("backdrop-name").textContent = name;
  byId("backdrop-label").textContent = upload ? "Change it" : "Choose a background picture";
}

/** @param {any} look of a request @param {string} renderer */
export function reuse(look, renderer) {
  for (const name of ["aspect", "captions"]) choose(name, look[name]);
  const { kind, colour, upload: picture } = look.background;
  setBackdrop(picture, picture ? "The picture of that video" : "");
  if (colour) fill("colour", colour);
  choose("background", kind);
  fill("resolution", String(look.resolution));
  fill("fps", look.fps);
  fill("head", look.head_motion);
  fill("expression", look.expressiveness);
  fill("renderer", renderer);
  fill("label", look.label?.text ?? "");
  fill("label-position", look.label?.position ?? "top-left");
}

/** After the form was reset. */
export function clear() {
  setBackdrop(null, "");
  for (const name of ["head", "expression"]) fill(name, 1);
  fill("renderer", "auto");
  changed();
}

/** @returns {any} The request's look. */
export function look() {
  return {
    aspect: chosen("aspect"),
    resolution: Number(byId("resolution").value),
    fps: byId("fps").value,
    captions: chosen("captions"),
    label: label(),
    background: background(),
    head_motion: Number(byId("head").value),
    expressiveness: Number(byId("expression").value),
  };
}

function label() {
  const text = byId("label").value.trim();
  return text ? { text, position: byId("label-position").value } : null;
}

function background() {
  const kind = chosen("background");
  if (kind === "colour") return { kind, colour: byId("colour").value };
  if (kind === "picture") return order.backdrop ? { kind, upload: order.backdrop } : { kind: "original" };
  return { kind };
}

/** @returns {boolean} Whether a picture was asked for and not given. */
export function backdropIsMissing() {
  return chosen("background") === "picture" && !order.backdrop;
}
